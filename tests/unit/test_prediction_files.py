"""Files give back what was saved, to the bit; what was cut, changed or never ours is refused; no pickle is loaded."""

import hashlib
import json
import pickle
import struct
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ensemblekit import EnsembleKitError, Predictions
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError, OutputExistsError

SUFFIXES = [".parquet", ".csv", ".npz"]


def make(probas=((0.9, 0.1), (0.3, 0.7)), **fields):
    return Predictions(np.array(probas), **{"ids": ["a", "b"], "classes": ["cat", "dog"], **fields})


def metadata(path):
    """What a CSV file says beside its rows: the name of its last column."""
    last = path.read_text().splitlines()[0].split(",")[-1]
    return json.loads(unquote(last.removeprefix("ensemblekit ")))


def bits(array):
    if array is None or array.dtype.kind == "U":
        return None if array is None else array.tolist()
    # A NaN says that nothing is there; which of its many bit patterns it has says nothing.
    whole = np.where(np.isnan(array), np.nan, array) if array.dtype.kind == "f" else array
    return whole.dtype, whole.shape, whole.tobytes()


def assert_same(loaded, saved):
    for name in ("probas", "ids", "labels", "label_codes", "fit_ids", "present"):
        assert bits(getattr(loaded, name)) == bits(getattr(saved, name)), name
    assert loaded.ids.dtype.kind == saved.ids.dtype.kind
    for name in ("classes", "task", "split", "member"):
        assert getattr(loaded, name) == getattr(saved, name), name
    assert [type(c) for c in loaded.classes] == [type(c) for c in saved.classes]


# Round trips. Any text but lone surrogates, which no file in UTF-8 can hold, and NUL, which ids refuse.

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6) | st.sampled_from(
    [
        'a,b"c',
        "line\nfeed",
        "carriage\rreturn",
        "\r\n",
        " space ",
        "# ensemblekit {}",
        "id",
        "label",
        "1",
        "nan",
        "",
        "é\u2028",
    ]
)
whole_numbers = st.integers(-(2**63), 2**63 - 1)


@st.composite
def predictions(draw, dense=False):
    task = draw(st.sampled_from(["multiclass", "multilabel", "regression"]))
    dtype = draw(st.sampled_from([np.float16, np.float32, np.float64]))
    ids = draw(st.lists(draw(st.sampled_from([texts, whole_numbers])), max_size=5, unique=True))
    n_classes = draw(st.integers(2, 4))
    names = draw(st.sampled_from([texts, whole_numbers]))
    classes = draw(st.lists(names, min_size=n_classes, max_size=n_classes, unique=True))
    shape = (len(ids), *((2, 3) if dense else ()), n_classes)
    if task == "regression":
        finite = st.floats(allow_nan=False, allow_infinity=False, width=np.dtype(dtype).itemsize * 8)
        probas = draw(hnp.arrays(dtype, shape, elements=finite))
    else:
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        probas = rng.dirichlet(np.full(n_classes, 0.3), shape[:-1]).astype(dtype)
    labels = None
    if draw(st.booleans()):
        codes = draw(hnp.arrays(np.int64, shape[:-1], elements=st.integers(0, n_classes - 1)))
        one_hot = np.eye(n_classes)[codes]
        labels = {"multiclass": np.array(classes)[codes], "multilabel": one_hot, "regression": one_hot * np.pi}[task]
    absent = draw(hnp.arrays(bool, len(ids)))
    probas[absent] = np.nan
    kind = texts if ids and isinstance(ids[0], str) else whole_numbers
    return Predictions(
        probas,
        ids=np.array(ids, dtype=np.str_ if kind is texts else np.int64),
        classes=classes,
        labels=labels,
        task=task,
        split=draw(st.none() | texts.filter(bool)),
        member=draw(st.none() | texts.filter(bool)),
        fit_ids=draw(st.none() | st.lists(kind, max_size=3, unique=True)),
        missing="renormalize",
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data())
def test_a_file_gives_back_what_was_saved_to_the_bit(suffix, tmp_path_factory, data):
    saved = data.draw(predictions())
    path = tmp_path_factory.getbasetemp() / f"table{suffix}"
    saved.save(path, overwrite=True)
    assert_same(Predictions.load(path), saved)


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
@given(data=st.data())
def test_a_file_gives_back_dense_predictions_to_the_bit(suffix, tmp_path_factory, data):
    saved = data.draw(predictions(dense=True))
    path = tmp_path_factory.getbasetemp() / f"dense{suffix}"
    saved.save(path, overwrite=True)
    assert_same(Predictions.load(path), saved)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "fields",
    [
        {"classes": [False, True], "labels": [True, False]},
        {"classes": [0, 1], "labels": [1, 0]},
        {"task": "regression", "probas": [[-0.0, 5e-324], [1e308, 0.1 + 0.2]]},
        {"task": "regression", "probas": [1.5, 2.5], "classes": ["age"], "labels": [1, 2]},
        {"ids": np.array([], dtype=np.int64), "probas": np.empty((0, 2)), "labels": []},
        {"probas": np.asfortranarray([[0.9, 0.1], [0.3, 0.7]])},
    ],
    ids=["bool classes", "int classes", "odd floats", "one output", "no rows", "Fortran order"],
)
def test_special_cases_come_back(suffix, fields, tmp_path):
    saved = make(**fields)
    saved.save(tmp_path / f"p{suffix}")
    assert_same(Predictions.load(tmp_path / f"p{suffix}"), saved)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_suffix_may_be_in_capitals_and_the_path_a_str(suffix, tmp_path):
    path = str(tmp_path / f"p{suffix.upper()}")
    make().save(path)
    assert_same(Predictions.load(path), make())


def test_csv_and_parquet_are_tables_for_others_too(tmp_path):
    p = make(labels=["dog", "cat"])
    p.save(tmp_path / "p.csv")
    p.save(tmp_path / "p.parquet")
    columns = ["id", "label", "proba:cat", "proba:dog"]
    assert pd.read_parquet(tmp_path / "p.parquet").columns.tolist() == columns
    for frame in (pd.read_csv(tmp_path / "p.csv"), pl.read_csv(tmp_path / "p.csv").to_pandas()):
        *first, last = frame.columns
        assert (first, last[:13]) == (columns, "ensemblekit {")
        assert frame[first].to_numpy().tolist() == [["a", "dog", 0.9, 0.1], ["b", "cat", 0.3, 0.7]]
        assert frame[last].isna().all()
    lines = [line.split(",") for line in (tmp_path / "p.csv").read_text().splitlines()]
    assert {len(cells) for cells in lines} == {5}  # what splits at each comma, without quotes, reads it too


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_what_another_program_reads_and_writes_again_has_lost_nothing(library, tmp_path):
    path = tmp_path / "p.csv"
    saved = make([[0.1 + 0.2, 0.7 - 5e-17], [1, 0]], labels=["dog", "cat"], member='é,";%|', fit_ids=["x", "y"])
    saved.save(path)
    if library == "pandas":
        exact = {} if pd.__version__ >= "3" else {"float_precision": "round_trip"}
        pd.read_csv(path, **exact).to_csv(path, index=False, sep=";", decimal=",")
    else:
        pl.read_csv(path).write_csv(path)
    assert_same(Predictions.load(path), saved)


def test_a_file_that_was_sorted_is_edited_and_still_has_all_beside_its_rows(tmp_path):
    path = tmp_path / "p.csv"
    make(member="m", fit_ids=["x"]).save(path)
    pd.read_csv(path).sort_values("id", ascending=False).to_csv(path, index=False)
    with pytest.raises(InvalidPredictionsError, match="SHA-256 is"):
        Predictions.load(path)
    p = Predictions.load(path, edited=True)
    assert (p.ids.tolist(), p.member, p.fit_ids.tolist()) == (["b", "a"], "m", ["x"])


def test_a_folder_whose_name_looks_like_a_column_adds_none(tmp_path):
    folder = tmp_path / "split=train"
    folder.mkdir()
    make().to_frame().to_parquet(folder / "p.parquet")
    assert Predictions.load(folder / "p.parquet").classes == ("cat", "dog")


# Tables of others.


def table(path, text):
    path.write_text(text, encoding="utf-8")
    return Predictions.load(path)


def test_a_plain_table_is_read(tmp_path):
    p = table(tmp_path / "p.csv", "id,label,cat,dog\na,dog,0.9,0.1\nb,cat,0.30000000000000004,0.7\n")
    assert (p.ids.tolist(), p.classes, p.labels.tolist()) == (["a", "b"], ("cat", "dog"), ["dog", "cat"])
    assert p.probas.tolist() == [[0.9, 0.1], [0.30000000000000004, 0.7]]
    assert (p.member, p.split, p.task) == (None, None, "multiclass")


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["1", "2"], [1, 2]),
        (["001", "2"], ["001", "2"]),
        (["1", "x"], ["1", "x"]),
        (["1.0", "2"], ["1.0", "2"]),
        (["NA", "nan"], ["NA", "nan"]),
    ],
)
def test_ids_of_a_plain_table_stay_as_they_stand(ids, expected, tmp_path):
    p = table(tmp_path / "p.csv", f"id,cat,dog\n{ids[0]},0.9,0.1\n{ids[1]},0.3,0.7\n")
    assert p.ids.tolist() == expected


def test_labels_of_a_plain_table_stay_as_they_stand(tmp_path):
    p = table(tmp_path / "p.csv", "id,label,NA,01\na,NA,0.9,0.1\nb,01,0.3,0.7\n")
    assert p.labels.tolist() == ["NA", "01"]


def test_a_table_of_a_spreadsheet_is_read(tmp_path):
    assert table(tmp_path / "p.csv", "\ufeffid,cat,dog\r\na,0.9,0.1\r\n\r\nb,0.3,0.7").ids.tolist() == ["a", "b"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_table_of_to_frame_is_read_back(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    frame = make(labels=["dog", "cat"]).to_frame()
    if suffix == ".csv":
        frame.to_csv(path)
    else:
        frame.to_parquet(path)
    assert_same(Predictions.load(path), make(labels=["dog", "cat"]))


def test_integer_ids_of_a_parquet_table_stay_integers_and_text_stays_text(tmp_path):
    for ids in ([1, 2], ["1", "2"]):
        pd.DataFrame({"id": ids, "x": [0.5, 1.0], "y": [0.5, 0.0]}).to_parquet(tmp_path / "p.parquet")
        assert Predictions.load(tmp_path / "p.parquet").ids.tolist() == ids


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,cat,dog\na,0.5,0.5\n", r"must have a column 'id'; received \['name', 'cat', 'dog'\]"),
        ("id?cat?dog\na?0.5?0.5\n", r"must have a column 'id'"),
        ("id,cat,dog\na,0.5,0.5\n,0.5,0.5\n", r"must have an id; row 1 has none"),
        ("id,cat,dog\na,0.5,0.5\na,0.5,0.5\n", r"ids must be unique"),
        ("id,cat,dog\na,50,50\n", r"must lie in \[0, 1\]"),
        ("id,cat,dog\na,0.5,\n", r"probas must be finite; received NaN or infinity in 1 rows, the first 0 \(id 'a'\)"),
        ("id,cat,dog\na,0.5,0.5\nb,1,'0\n", r"'dog' has \"'0\" for id 'b'\. Leave out columns that are no class"),
        (",id,cat,dog\n0,a,0.5,0.5\n", r"received \['', 'id', 'cat', 'dog'\]\. pandas writes its index so"),
        ("id,cat,dog\na,nan,nan\n", r"must be finite"),
        ("id,label,cat,dog\na,,0.5,0.5\n", r"labels must be names out of classes .* 1 \(''\)"),
        ("id,cat,dog,note\na,0.5,0.5,good\n", r"'note' has 'good' for id 'a'"),
        ("id,cat,dog\na,0.5\n", r"each line must have 3 cells"),
        ("id,cat,cat\na,0.5,0.5\n", r"each column of a table must have a name of its own; .* repeated: \['cat'\]"),
        ("id\na\n", r"classes must name at least one class"),
        ("", r"must have a column 'id'; received \[\]"),
    ],
)
def test_a_table_that_is_none_of_predictions_is_refused_by_its_name(text, message, tmp_path):
    with pytest.raises(InvalidPredictionsError, match=rf"p\.csv'.*{message}"):
        table(tmp_path / "p.csv", text)


# Refusals.


@pytest.mark.parametrize("path", ["p.txt", "p", "p.npy", "p.npz.gz", "p.gz", ".csv"])
def test_an_unknown_suffix_is_refused(path, tmp_path):
    for use in (make().save, Predictions.load):
        with pytest.raises(InvalidPredictionsError, match=r"must end in \.parquet, .* \.tsv\.gz; received"):
            use(tmp_path / path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_not_there_is_not_found(suffix, tmp_path):
    with pytest.raises(FileNotFoundError, match="No file of predictions at"):
        Predictions.load(tmp_path / f"p{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_anywhere_is_refused(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    make([[123.25], [4567.5]], classes=["value"], task="regression").save(path)
    whole = path.read_bytes()
    step = 1 if suffix == ".csv" else 37
    for length in (*range(0, len(whole) - 1, step), len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidPredictionsError, match=f"p{suffix}"):
            Predictions.load(path)


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_a_changed_value_is_noticed(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    make([[123.25], [4567.5]], classes=["value"], task="regression").save(path)
    whole = path.read_bytes()
    # Parquet may also say the value in its statistics.
    path.write_bytes(whole.replace(struct.pack("<d", 4567.5), struct.pack("<d", 4567.25)))
    with pytest.raises(InvalidPredictionsError, match="cannot be read"):
        Predictions.load(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_another_kind_under_our_suffix_is_refused(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    for content in (b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xfe", json.dumps({"a": 1}).encode()):
        path.write_bytes(content)
        with pytest.raises(
            InvalidPredictionsError, match=r"must be predictions written by|a column 'id'|must be UTF-8"
        ):
            Predictions.load(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format%22:3", "format%22:6", r"format 6 is newer than this ensemblekit reads \(5\)"),
        (
            "b,0.3,0.7,\n",
            "",
            r"a file of 2 predictions must have as many rows; it has 1: the file was cut, edited or",
        ),
        ("b,0.3,0.7", "b,0.3", r"each line must have 4 cells"),
        ("b,0.3,0.7", "b,0.3,0.9", r"must sum to 1"),
        ("b,0.3", "a,0.3", r"ids must be unique"),
        ("id,proba:cat", "id,proba:cow", r"columns must be those that were saved, .* received \['id', 'proba:cow'"),
        ("0.3,0.7", "0.4,0.6", r"SHA-256 is .*, and not .*: the file was cut, edited or damaged\. .*edited=True"),
        ("0.3,0.7", "0.3,?", r"must hold numbers; .* has '\?' for id 'b': the file was cut, edited or damaged"),
        ("member%22:null", "member%22:%22m%22", r"SHA-256 is"),
        ("sha256", "sha255", r"a file of format 3 must say its SHA-256; it does not"),
        ("%22classes%22:[%22cat%22%2C%22dog%22]%2C", "", r"the metadata must be as saved; classes is not"),
        ("n_samples%22:2", "n_samples%22:true", r"n_samples is not"),
        ("ensemblekit {", "ensemblekot {", r"columns called proba:... are of a file that Predictions\.save wrote"),
        ("ensemblekit {", "ensemblekit {%22", r"the metadata must be JSON"),
    ],
)
def test_an_edited_file_is_refused(old, new, message, tmp_path):
    path = tmp_path / "p.csv"
    make().save(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InvalidPredictionsError, match=rf"p\.csv'.*{message}"):
        Predictions.load(path)


# An edited file can be loaded on request, and files of earlier formats are read.


FORMATS = sorted(int(folder.name.partition("_")[2]) for folder in Path(__file__).parent.glob("format_*"))
"""Formats of which files are kept, each written by the version that had it."""


def test_files_of_every_format_are_kept(tmp_path):
    make().save(tmp_path / "p.csv")
    newest = metadata(tmp_path / "p.csv")["format"]
    assert list(range(1, newest + 1)) == FORMATS


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("number", FORMATS)
def test_a_file_of_every_format_that_there_was_is_read(number, suffix):
    p = Predictions.load(Path(__file__).parent / f"format_{number}" / f"p{suffix}")
    expected = make(
        np.array([[0.9, 0.1], [0.3, 0.7], [np.nan, np.nan]], dtype=np.float32),
        ids=["a", "é,\n", "c"],
        labels=["dog", "cat", "cat"],
        split="valid",
        member="cnn",
        fit_ids=["x", "y"],
        missing="renormalize",
    )
    assert_same(p, expected)


def test_a_digest_is_compared_whatever_format_the_file_says_it_has(tmp_path):
    path = tmp_path / "p.csv"
    make().save(path)
    text = path.read_text().replace("format%22:3", "format%22:1")
    path.write_text(text)
    assert_same(Predictions.load(path), make())
    path.write_text(text.replace("0.3,0.7", "0.4,0.6"))
    with pytest.raises(InvalidPredictionsError, match="SHA-256"):
        Predictions.load(path)


def test_an_edited_file_is_taken_where_it_is_asked_for_as_a_table_of_others_is(tmp_path):
    path = tmp_path / "p.csv"
    make(member="m", fit_ids=["x"]).save(path)
    header, a, b = path.read_text().splitlines()
    for edit in ([header, a, '"b",0.4,0.6,'], [header, a], [f"{header},note", f"{a},1", f"{b},2"]):
        path.write_text("\n".join(edit))
        with pytest.raises(InvalidPredictionsError, match=r"edited=True|the file was cut or edited"):
            Predictions.load(path)
        p = Predictions.load(path, edited=True)
        assert (p.member, p.fit_ids.tolist(), p.classes) == ("m", ["x"], ("cat", "dog"))
    path.write_text("\n".join([header, '"b",0.4,0.7,']))
    with pytest.raises(InvalidPredictionsError, match="must sum to 1"):
        Predictions.load(path, edited=True)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_that_has_lost_what_stands_beside_its_rows_is_no_table_of_others(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    make(fit_ids=["x"]).save(path)
    if suffix == ".csv":
        pd.read_csv(path).iloc[:, :-1].to_csv(path, index=False)
    else:
        pd.read_parquet(path).to_parquet(path)
    with pytest.raises(InvalidPredictionsError, match=r"columns called proba:... are of a file that Predictions\.save"):
        Predictions.load(path)
    assert Predictions.load(path, edited=True).classes == ("cat", "dog")


def test_a_parquet_file_that_another_program_wrote_again_has_no_digest(tmp_path):
    path = tmp_path / "p.parquet"
    make(fit_ids=["x"]).save(path)
    pq.write_table(pq.read_table(path), path)
    with pytest.raises(InvalidPredictionsError, match="must say its SHA-256"):
        Predictions.load(path)
    assert_same(Predictions.load(path, edited=True), make(fit_ids=["x"]))


@pytest.mark.parametrize("name", ["fjt_ids", "ids2", "fit_ids/"])
def test_an_array_of_another_name_drops_nothing_in_silence(name, tmp_path):
    path = tmp_path / "p.npz"
    make(fit_ids=["x"]).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name] = arrays.pop("fit_ids")
    np.savez(path, **arrays)
    with pytest.raises(InvalidPredictionsError, match=r"the arrays must be metadata, .* received .*: the file was cut"):
        Predictions.load(path)
    del arrays[name]
    np.savez(path, **arrays)
    with pytest.raises(InvalidPredictionsError, match="SHA-256 is"):
        Predictions.load(path)


def test_every_format_says_one_digest_and_another_program_can_compute_it(tmp_path):
    p = make(ids=[1, 2], labels=["dog", "cat"], member="cnn", fit_ids=[3, -4])
    for suffix in SUFFIXES:
        p.save(tmp_path / f"p{suffix}")
    with np.load(tmp_path / "p.npz") as arrays:
        said = [metadata(tmp_path / "p.csv"), json.loads(arrays["metadata"].item())]
    said.append(json.loads(pq.read_metadata(tmp_path / "p.parquet").metadata[b"ensemblekit"]))

    def sha256(content):
        return hashlib.sha256(content).hexdigest()

    hashes = [
        sha256(struct.pack(form, *numbers))
        for form, numbers in (("<2q", (-4, 3)), ("<2q", (1, 2)), ("<2q", (1, 0)), ("<4d", (0.9, 0.1, 0.3, 0.7)))
    ]
    content = (
        '{{"classes":["cat","dog"],"dtype":"float64","fit_ids_sha256":"{}","ids":"int","ids_sha256":"{}","labelled":true,'
        '"labels_sha256":"{}","member":"cnn","n_samples":2,"probas_sha256":"{}","shape":[2],"split":null,'
        '"task":"multiclass"}}'
    ).format(*hashes)
    assert [meta["sha256"] for meta in said] == [sha256(content.encode())] * 3


def test_every_refusal_is_an_error_of_ours(tmp_path):
    (tmp_path / "p.npz").write_bytes(b"")
    with pytest.raises(EnsembleKitError):
        Predictions.load(tmp_path / "p.npz")


# Pickle.


class Evil:
    """Unpickling it leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["ids", "probas", "labels", "fit_ids", "metadata"])
def test_no_pickled_array_is_loaded(name, tmp_path):
    path, mark = tmp_path / "p.npz", tmp_path / "mark"
    make(labels=[0, 1], fit_ids=["x"]).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name] = np.array([Evil(mark), Evil(mark)], dtype=object)
    np.savez(path, allow_pickle=True, **arrays)
    with pytest.raises(InvalidPredictionsError, match="allow_pickle=False"):
        Predictions.load(path)
    assert not mark.exists()
    with np.load(path, allow_pickle=True) as file:
        _ = file[name]
    assert mark.exists()  # else this test could not fail


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_pickle_is_loaded_under_our_suffix(suffix, tmp_path):
    path, mark = tmp_path / f"p{suffix}", tmp_path / "mark"
    path.write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(InvalidPredictionsError):
        Predictions.load(path)
    assert not mark.exists()


# Whole or not at all.


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "p.csv"
    make().save(path)
    old = path.read_bytes()
    with pytest.raises(InvalidPredictionsError, match=r"a CSV file holds .*received \(2, 3, 2\).*\.parquet or \.npz"):
        make(np.full((2, 3, 2), 0.5)).save(path, overwrite=True)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_write_that_fails_midway_leaves_nothing(suffix, tmp_path):
    p = make(ids=["a" * 10_000, "\udc80"])
    with pytest.raises(InvalidPredictionsError, match=r"must be valid Unicode.*Save them as \.npz"):
        p.save(tmp_path / f"p{suffix}")
    assert not list(tmp_path.iterdir())
    p.save(tmp_path / "p.npz")
    assert_same(Predictions.load(tmp_path / "p.npz"), p)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_overwritten_as_a_whole_where_that_is_asked_for(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    large = make(np.full((50, 2), 0.5), ids=range(50))
    large.save(path)
    with pytest.raises(OutputExistsError, match=rf"p\{suffix}' is there already\. .* overwrite=True"):
        make().save(path)
    assert_same(Predictions.load(path), large)
    make().save(path, overwrite=True)
    assert_same(Predictions.load(path), make())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", ["no", 1, [1], None])
def test_options_of_save_and_load_are_true_or_false(value, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("precious")
    with pytest.raises(InvalidOptionError, match="overwrite must be True or False"):
        make().save(path, overwrite=value)
    assert path.read_text() == "precious"
    make().save(path, overwrite=True)
    with pytest.raises(InvalidOptionError, match="edited must be True or False"):
        Predictions.load(path, edited=value)
