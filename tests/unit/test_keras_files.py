"""A `.keras` file of others is looked through before Keras builds what it describes."""

import contextlib
import io
import json
import os
import threading
import zipfile

import numpy as np
import pytest

from ensemblekit import EnsembleKitError, InvalidOptionError, load_plugins, open_model
from ensemblekit.assembly import load_keras_file
from ensemblekit.errors import NotAFileError
from ensemblekit.limits import VARIABLE

pytestmark = pytest.mark.keras

CONFIG, WEIGHTS = "config.json", "model.weights.h5"


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def parts(keras, tmp_path_factory):
    """Name -> bytes of what a small file of Keras's holds."""
    path = tmp_path_factory.mktemp("saved") / "small.keras"
    pixels = keras.Input((8, 8, 3))
    maps = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(pixels))
    keras.Model(pixels, keras.layers.Dense(2, "softmax")(keras.layers.GlobalAveragePooling2D()(maps))).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def write(parts, tmp_path):
    def write(*more, compression=zipfile.ZIP_STORED, **changed):
        path = tmp_path / "m.keras"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in parts.items():
                archive.writestr(name, changed.get(name.split(".")[0], content))
            for name in more:
                archive.writestr(name, b"x")
        return path

    return write


def layer_of(config, kind):
    return next(layer["config"] for layer in config["config"]["layers"] if layer["class_name"] == kind)


def changed(parts, kind, **options):
    config = json.loads(parts[CONFIG])
    layer_of(config, kind).update(options)
    return json.dumps(config)


def only(kind, shape=(None, 8, 8, 3), **options):
    """Write the configuration of a model of one layer."""
    layers = [("InputLayer", {"batch_shape": shape, "name": "i"}), (kind, {"name": "x", **options})]
    held = [{"module": "keras.layers", "class_name": name, "config": config} for name, config in layers]
    held[1]["build_config"] = {"input_shape": shape}
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": held}})


def test_what_keras_saved_is_loaded_bit_for_bit(keras, write, parts):
    path = write()
    plain = keras.saving.load_model(path, compile=False)
    with path.open("rb") as file:
        for model in (load_keras_file(path), load_keras_file(str(path)), load_keras_file(file)):
            assert model.to_json() == plain.to_json()
            for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
                np.testing.assert_array_equal(ours, theirs)


TOO_LARGE = {
    "units": lambda parts: changed(parts, "Dense", units=10**9),
    "more units than an int holds": lambda parts: changed(parts, "Dense", units=2**62),
    "filters": lambda parts: changed(parts, "Conv2D", filters=10**10),
    "embedding": lambda parts: only("Embedding", (None, 3), input_dim=10**9, output_dim=1000),
    "recurrent": lambda parts: only("LSTM", (None, 3, 4), units=10**6),
    "spectrogram": lambda parts: only("STFTSpectrogram", (None, 16000, 1), frame_length=2**20, fft_length=2**20),
    "input": lambda parts: changed(parts, "InputLayer", batch_shape=[None, 10**9, 10**9, 3]),
    "repeated": lambda parts: only("RepeatVector", (None, 4), n=10**10),
    "padded": lambda parts: only("ZeroPadding2D", padding=10**9),
    "resized": lambda parts: only("Resizing", height=10**7, width=10**7),
    "nested": lambda parts: json.dumps(
        {
            "module": "keras",
            "class_name": "Sequential",
            "config": {
                "name": "s",
                "layers": [
                    {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3]}},
                    json.loads(only("UpSampling2D", size=[10**5, 10**5])),
                    {"module": "keras.layers", "class_name": "GlobalAveragePooling2D", "config": {}},
                ],
            },
        }
    ),
    "text": lambda parts: "[" + "0," * 2**24 + "0]",
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_what_has_no_weights_in_the_file_is_not_built(write, parts, kind):
    import resource

    path = write(config=TOO_LARGE[kind](parts))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidOptionError, match=rf"at most 1073741824 bytes of memory.*Set {VARIABLE}=\d+ if it"):
        load_keras_file(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kB


def test_more_is_built_where_it_is_meant_and_less_where_that_is(keras, write, parts, monkeypatch):
    monkeypatch.setenv(VARIABLE, "300000")
    with pytest.raises(InvalidOptionError, match=r"the weights that .* describes must take at most 300000 bytes"):
        load_keras_file(write(config=changed(parts, "Dense", units=10**5)))
    monkeypatch.setenv(VARIABLE, str(2**40))
    with pytest.raises(InvalidOptionError, match="safe mode"):  # built, and there are no weights for it
        load_keras_file(write(config=changed(parts, "Dense", units=10**5)))
    assert "__init__" not in vars(keras.Variable)


def test_other_threads_build_meanwhile_what_they_like(keras, write, parts, monkeypatch):
    monkeypatch.setenv(VARIABLE, "300000")
    path, done, failed = write(), threading.Event(), []

    def build():
        while not done.is_set():
            try:
                keras.Variable(np.zeros(10**5, "float32"))
                keras.layers.Dense(1000).build((None, 100))
            except EnsembleKitError as error:
                failed.append(error)
                return

    thread = threading.Thread(target=build)
    thread.start()
    try:
        for _ in range(5):
            load_keras_file(path)
    finally:
        done.set()
        thread.join()
    assert not failed
    assert "__init__" not in vars(keras.Variable)


NO_MODEL = {
    "no JSON": "{",
    "no text": b"\xff\xfe",
    "a list": "[]",
    "null": "null",
    "deep": "[" * 10**5 + "]" * 10**5,
    "a layer": json.dumps({"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}}),
    "code": only("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEAAA=="}}),
    "a folder of TensorFlow's": only("TFSMLayer", filepath="/etc", call_endpoint="serve"),
    "a file of this machine": only("StringLookup", (None, 3), vocabulary="/etc/passwd"),
    "a function of this machine": json.dumps(
        {"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": "system"}
    ),
}


@pytest.mark.parametrize("kind", NO_MODEL)
def test_what_describes_no_model_is_one_line(write, kind):
    with pytest.raises(
        InvalidOptionError, match=r"m\.keras' (cannot be loaded by Keras in safe mode|must be as|holds also)"
    ) as raised:
        load_keras_file(write(config=NO_MODEL[kind]))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("value", ["many", None, -5, 1e300, [3], {}, True, "9" * 5000])
@pytest.mark.parametrize(
    ("kind", "option"), [("Dense", "units"), ("Conv2D", "kernel_size"), ("InputLayer", "batch_shape")]
)
def test_a_number_of_another_kind_is_one_line_or_no_matter(write, parts, kind, option, value):
    with contextlib.suppress(EnsembleKitError):
        load_keras_file(write(config=changed(parts, kind, **{option: value})))


@pytest.mark.parametrize("name", ["more.py", "../x", "assets/../../x", "/etc/x", "model.weights.npz", "assets\\..\\x"])
def test_an_entry_that_keras_does_not_write_is_refused(write, name):
    with pytest.raises(InvalidOptionError, match="must hold no other file than Keras writes"):
        load_keras_file(write(name))


def test_entries_that_swell_or_stand_twice_or_are_missing_are_refused(write, parts, tmp_path):
    with pytest.raises(InvalidOptionError, match=r"must be stored as it is; 'metadata.json' is compressed"):
        load_keras_file(write(compression=zipfile.ZIP_DEFLATED))
    path = write()
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(CONFIG, parts[CONFIG])
    with pytest.raises(InvalidOptionError, match="must hold each file once"):
        load_keras_file(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CONFIG, parts[CONFIG])
    with pytest.raises(InvalidOptionError, match=r"must hold config.json and model.weights.h5; it holds \['config"):
        load_keras_file(path)


def test_a_changed_byte_of_a_weight_is_noticed(write, parts):
    path = write()
    content = bytearray(path.read_bytes())
    content[content.find(parts[WEIGHTS]) + len(parts[WEIGHTS]) - 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidOptionError, match="Bad CRC-32"):
        load_keras_file(path)


def edit_weights(edit):
    import h5py

    def edited(content):
        held = io.BytesIO(content)
        with h5py.File(held, "r+") as file:
            edit(h5py, file)
        return held.getvalue()

    return edited


def first_array(h5py, file):
    found = []
    file.visititems(lambda name, held: found.append(name) if isinstance(held, h5py.Dataset) and held.ndim else None)
    return found[0]


def replace(make):
    def edit(h5py, file):
        name = first_array(h5py, file)
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        make(h5py, file, name, shape, dtype)

    return edit_weights(edit)


def make_virtual(h5py, file, name, shape, dtype):
    layout = h5py.VirtualLayout(shape=shape, dtype=dtype)
    layout[...] = h5py.VirtualSource("/srv/o.h5", "x", shape=shape)
    file.create_virtual_dataset(name, layout)


ELSEWHERE = {
    "external link": replace(lambda h5, f, name, shape, dtype: f.__setitem__(name, h5.ExternalLink("/srv/o.h5", "/x"))),
    "soft link": replace(lambda h5, f, name, shape, dtype: f.__setitem__(name, h5.SoftLink("/layers"))),
    "link that nobody asks for": edit_weights(lambda h5, f: f.__setitem__("more", h5.ExternalLink("/srv/o.h5", "/x"))),
    "external data": replace(
        lambda h5, f, name, shape, dtype: f.create_dataset(name, shape, dtype, external=[("/etc/passwd", 0, 10**6)])
    ),
    "virtual data": replace(make_virtual),
    "declared and not there": replace(
        lambda h5, f, name, shape, dtype: f.create_dataset(
            name, (10**6, 10**6), dtype, chunks=(1000, 1000), fillvalue=1
        )
    ),
    "compressed": replace(
        lambda h5, f, name, shape, dtype: f.create_dataset(name, data=np.zeros((2000, 2000), dtype), compression="gzip")
    ),
    "text": replace(lambda h5, f, name, shape, dtype: f.create_dataset(name, data=["a"], dtype=h5.string_dtype())),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_weights_that_lie_elsewhere_or_swell_are_refused(write, parts, kind):
    with pytest.raises(InvalidOptionError, match=r"its weights must (lie in it|be numbers, stored as they are)"):
        load_keras_file(write(model=ELSEWHERE[kind](parts[WEIGHTS])))


def test_a_group_that_holds_itself_is_looked_through_once(write, parts):
    load_keras_file(
        write(model=edit_weights(lambda h5, f: f["layers"].__setitem__("again", f["layers"]))(parts[WEIGHTS]))
    )


def test_a_hole_is_not_held_in_memory(tmp_path, write):
    path = write()
    with path.open("r+b") as file, zipfile.ZipFile(file) as archive:
        where = archive.getinfo(WEIGHTS)
        start = archive.start_dir
        rest = path.read_bytes()[start:]
        # The last entry is said to reach far into a file that has nothing there.
        size = 2**31 - 2**20
        old = where.file_size.to_bytes(4, "little") * 2
        assert rest.count(old) == 1
        at = where.header_offset
        end = start + size - where.file_size
        rest = rest.replace(old, size.to_bytes(4, "little") * 2)
        rest = rest.replace(start.to_bytes(4, "little"), end.to_bytes(4, "little"))
        file.truncate(start)
        file.seek(end)
        file.write(rest)
        assert at < start
    with pytest.raises(InvalidOptionError, match=r"what '.*m.keras' holds must take at most 1073741824 bytes"):
        load_keras_file(path)


@pytest.mark.timeout(60)
def test_every_door_refuses_what_is_no_file_at_once(tmp_path):
    os.mkfifo(tmp_path / "m.keras")
    (tmp_path / "d.keras").symlink_to("/dev/zero")
    for name in ("m.keras", "d.keras"):
        for call in (
            load_keras_file,
            open_model,
            lambda path: load_plugins().create_backbone("keras_file", weights=path).build((8, 8, 3)),
        ):
            with pytest.raises(EnsembleKitError):
                call(tmp_path / name)
    with pytest.raises(NotAFileError, match="is a pipe"):
        load_keras_file(tmp_path / "m.keras")
    with pytest.raises(InvalidOptionError, match="No such file"):
        load_keras_file(tmp_path / "absent.keras")
