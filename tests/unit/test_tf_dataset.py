"""A `tf.data.Dataset` is taken where its rows carry ids or their order is proven, and refused with the reason else."""

import numpy as np
import pytest
from PIL import Image

from ensemblekit import as_member, collect, image_folder
from ensemblekit.errors import DataError

pytestmark = pytest.mark.keras
tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

CLASSES = ("bright", "dark", "middling")


def right(x):
    x = np.asarray(x, dtype=np.float64).reshape(len(x), -1)[:, :1]
    return np.concatenate([1 - x, x], axis=1)


def brightness(images):
    """Three outputs that say how bright each image is."""
    mean = np.asarray(images).mean(axis=(1, 2, 3)) / 255
    return np.stack([mean, 1 - mean, np.zeros_like(mean)], axis=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty images of three classes, each of a brightness of its own, a third of them one folder down."""
    root = tmp_path_factory.mktemp("data") / "test"
    for row in range(30):
        place = root / CLASSES[row % 3] / ("deeper" if row % 9 < 3 else "")
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (8 * row,) * 3).save(place / f"{row:02d}.png")
    return root


def keras_images(folder, **options):
    options = {"image_size": (8, 8), "batch_size": 7, "shuffle": False, "verbose": False, **options}
    return keras.utils.image_dataset_from_directory(folder, **options)


def collected(source):
    return collect({"brightness": brightness}, source, classes=CLASSES)


def assert_right_rows(predictions, n_samples=30):
    """Each id has the prediction of its own image, and the label of its own folder."""
    assert len(predictions.ids) == n_samples
    rows = [int(name[-6:-4]) for name in predictions.ids]
    np.testing.assert_allclose(predictions.member_probas[0, :, 0], np.array(rows) * 8 / 255, rtol=1e-6)
    if predictions.labels is not None:
        assert predictions.labels.tolist() == [CLASSES[row % 3] for row in rows]


@pytest.mark.parametrize("labelled", [True, False])
def test_a_shuffled_dataset_with_ids_is_right(labelled):
    ids = [f"s{row}" for row in range(50)]
    x = np.linspace(0, 1, 50)[:, np.newaxis]
    names = np.where(x[:, 0] < 0.5, "cat", "dog")
    parts = (ids, x, names) if labelled else (ids, x)
    dataset = tf.data.Dataset.from_tensor_slices(parts).shuffle(50, seed=1).batch(8)
    both = collect({"right": right, "again": right}, dataset, classes=["cat", "dog"])
    rows = [ids.index(name) for name in both.ids]
    assert rows != sorted(rows)
    for predictions in both:
        np.testing.assert_allclose(predictions.probas[:, 1], x[rows, 0])
    assert both.labels is None if not labelled else both.labels.tolist() == names[rows].tolist()


def test_integer_ids_will_do():
    dataset = tf.data.Dataset.from_tensor_slices((np.arange(20), np.linspace(0, 1, 20))).shuffle(20).batch(8)
    predictions = collect({"right": right}, dataset, classes=["cat", "dog"])
    np.testing.assert_allclose(predictions.member_probas[0, :, 1], predictions.ids / 19)


def test_a_keras_model_predicts_a_dataset_as_it_predicts_arrays():
    x = np.random.default_rng(0).random((20, 5), dtype=np.float32)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "softmax")])
    member = as_member(model, name="network", classes=CLASSES)
    dataset = tf.data.Dataset.from_tensor_slices((np.arange(20), x)).shuffle(20).batch(6)
    predictions = collect([member], dataset)
    np.testing.assert_allclose(predictions.member_probas[0], model.predict(x, verbose=0)[predictions.ids], rtol=1e-5)


def test_samples_that_are_not_batched_are_refused():
    dataset = tf.data.Dataset.from_tensor_slices((["a", "b"], [[0.0], [1.0]]))
    with pytest.raises(DataError, match=r"must be batched; received single samples. Add .batch\(32\)"):
        collect({"right": right}, dataset, classes=["cat", "dog"])


@pytest.mark.parametrize("parts", [([[0.0], [1.0]], [0, 1]), [[0.0], [1.0]]])
def test_a_dataset_without_ids_is_refused_even_in_order(parts):
    dataset = tf.data.Dataset.from_tensor_slices(parts).batch(2)
    with pytest.raises(DataError, match=r"must carry ids; .* nothing says which row is which sample.*image_folder"):
        collect({"right": right}, dataset, classes=["cat", "dog"])


@pytest.mark.parametrize("options", [{}, {"batch_size": None}, {"label_mode": "categorical"}])
def test_the_images_of_keras_in_their_order_have_the_ids_and_labels_of_image_folder(folder, options):
    theirs, ours = collected(keras_images(folder, **options)), collected(image_folder(folder, size=(8, 8)))
    assert_right_rows(theirs)
    assert_right_rows(ours)
    assert set(theirs.ids) == set(ours.ids)
    assert theirs.split == ours.split == "test"
    assert "test/bright/deeper/00.png" in theirs.ids


def test_class_names_in_an_order_of_their_own_are_respected(folder):
    assert_right_rows(collected(keras_images(folder, class_names=["middling", "dark", "bright"])))


def test_a_binary_label_is_a_class(folder, tmp_path):
    (tmp_path / "test").mkdir()
    for name in ("bright", "dark"):
        (tmp_path / "test" / name).symlink_to(folder / name)
    assert_right_rows(collected(keras_images(tmp_path / "test", label_mode="binary", follow_links=True)), 20)


def test_images_without_labels_have_ids_all_the_same(folder):
    predictions = collected(keras_images(folder, label_mode=None))
    assert predictions.labels is None
    assert_right_rows(predictions)


def test_a_relative_folder_has_the_same_ids(folder, monkeypatch):
    monkeypatch.chdir(folder)
    predictions = collected(keras_images("."))
    assert set(predictions.ids) == set(image_folder(folder).ids)
    assert predictions.split == "test"


@pytest.mark.parametrize("subset", ["training", "validation"])
def test_a_subset_in_order_is_right(folder, subset):
    predictions = collected(keras_images(folder, validation_split=0.5, subset=subset))
    assert_right_rows(predictions, 15)
    assert predictions.split == "test"


def test_both_subsets_in_order_are_right_and_share_no_id(folder):
    both = [collected(part) for part in keras_images(folder, validation_split=0.5, subset="both")]
    for part in both:
        assert_right_rows(part, 15)
    assert not set(both[0].ids) & set(both[1].ids)


def test_prefetching_changes_nothing(folder):
    dataset = keras_images(folder)
    again = dataset.prefetch(2)
    again.file_paths, again.class_names = dataset.file_paths, dataset.class_names
    assert_right_rows(collected(again))


@pytest.mark.parametrize("options", [{}, {"validation_split": 0.5, "subset": "training"}])
def test_shuffled_images_are_refused_with_reason_and_remedy(folder, options):
    dataset = keras_images(folder, shuffle=True, seed=1, **options)
    with pytest.raises(DataError, match=r"made with shuffle=True, and comes in a new order at each pass.*image_folder"):
        collected(dataset)


def doubled(image, label):
    return image * 2, label


def keeping_the_paths(dataset, changed):
    changed.file_paths, changed.class_names = dataset.file_paths, dataset.class_names
    return changed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.map(doubled), "must carry ids.*lose the file_paths of an image dataset"),
        (lambda d: keeping_the_paths(d, d.map(doubled)), "it was changed after it was made"),
        (lambda d: keeping_the_paths(d, d.shuffle(10)), "shuffle=True"),
        (lambda d: keeping_the_paths(d, d.take(2)), "a step that ensemblekit does not know, Take"),
        (lambda d: keeping_the_paths(d, d.unbatch().batch(3)), "a step that ensemblekit does not know, Flat|Unbatch"),
        (lambda d: keeping_the_paths(d, d.repeat(2)), "a step that ensemblekit does not know, Repeat"),
    ],
    ids=["map", "map with paths", "shuffle", "take", "unbatch", "repeat"],
)
def test_a_dataset_that_was_changed_is_refused(folder, change, reason):
    with pytest.raises(DataError, match=f"(?s){reason}.*image_folder"):
        collected(change(keras_images(folder)))


def test_a_dataset_that_may_come_in_any_order_is_refused(folder):
    dataset = keras_images(folder)
    options = tf.data.Options()
    options.deterministic = False
    with pytest.raises(DataError, match=r"options\.deterministic is False"):
        collected(keeping_the_paths(dataset, dataset.with_options(options)))


def test_paths_of_other_files_are_refused(folder):
    dataset = keras_images(folder)
    dataset.file_paths = dataset.file_paths[::-1]
    with pytest.raises(DataError, match="its file_paths are not the paths that it reads"):
        collected(dataset)


def test_images_that_are_dropped_are_noticed(folder):
    dataset = keras_images(folder, batch_size=None)
    dropping = keeping_the_paths(dataset, dataset.batch(7, drop_remainder=True))
    with pytest.raises(DataError, match="must yield one image a file path; it yielded 28 for 30 paths"):
        collected(dropping)
