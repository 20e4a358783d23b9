"""PyTorch modules as members, DataLoader and Hugging Face's datasets as sources."""

import numpy as np
import pytest

from ensemblekit import Predictions, as_member, collect, combine
from ensemblekit.errors import CompatibilityError, DataError, InvalidOptionError, InvalidPredictionsError
from ensemblekit.members import column_source
from tests.contract.test_docs import check_page

torch = pytest.importorskip("torch")
nn = torch.nn
data = torch.utils.data
pytestmark = [pytest.mark.keras, pytest.mark.torch]

CLASSES = ["cat", "dog", "owl"]
IDS = [f"i{k}" for k in range(7)]
IMAGES = np.random.default_rng(0).uniform(0, 255, (7, 6, 5, 3)).astype("float32")
FIRST = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())
Y = np.array([0, 1, 2, 0, 1, 2, 1])
NAMES = [CLASSES[k] for k in Y]


def net(*last):
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(4, 3), *last)


def by_hand(module, x=FIRST):
    module.eval()
    with torch.no_grad():
        logits = module(x).double().numpy()
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def member(module, **options):
    return as_member(module, name="net", classes=CLASSES, **{"activation": "softmax", "channels": "first"} | options)


def test_a_module_predicts_without_dropout_or_gradients_and_is_left_as_it_was():
    module = net()
    expected = by_hand(module)
    module.train()
    module[1].eval()  # one frozen part among trained ones
    before = {key: value.clone() for key, value in module.state_dict().items()}
    said = member(module).predict(np.array(IDS), IMAGES)
    np.testing.assert_allclose(said, expected, atol=1e-6)
    assert [part.training for part in module] == [True, False, True, True, True, True]
    assert module.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in module.parameters())


def test_a_module_that_fails_is_left_in_training_mode():
    module = net().train()
    with pytest.raises(CompatibilityError, match=r"'net' cannot run on inputs of shape .* channels='first'"):
        member(module, channels=None).predict(np.array(IDS), IMAGES)
    assert module.training
    with pytest.raises(InvalidOptionError, match="'net' gives probabilities already"):
        member(net(torch.nn.Softmax(1)), activation="softmax")


def test_many_rows_come_in_parts():
    sizes, with_gradients = [], []
    module = net()
    module.register_forward_hook(lambda _module, given, _out: sizes.append(len(given[0])))
    many = np.concatenate([IMAGES] * 80)
    module.register_forward_hook(lambda *_: with_gradients.append(torch.is_grad_enabled()))
    said = member(module).predict(np.arange(len(many)), many)
    assert with_gradients == [False] * 3
    assert sizes == [256, 256, 48]
    np.testing.assert_allclose(said, np.concatenate([by_hand(module)] * 80), atol=1e-6)


@pytest.mark.parametrize("last", [(), (nn.ReLU(),), (nn.Softmax(dim=0),), (nn.LogSoftmax(dim=1),)])
def test_what_outputs_mean_is_never_guessed(last):
    small = net(*last)
    with torch.no_grad():
        small[5].weight.zero_()
        small[5].bias.fill_(1 / 3)  # its logits look like probabilities
    for make in (
        lambda: as_member(small, name="net", classes=CLASSES),
        lambda: collect({"net": small}, (IDS, IMAGES), classes=CLASSES),
    ):
        with pytest.raises(InvalidOptionError, match=r"'net' \(Sequential\) does not say whether it gives logits"):
            make()


def test_a_module_that_ends_in_a_softmax_says_so_itself():
    soft = net(nn.Sequential(nn.Softmax(dim=-1)))
    said = as_member(soft, name="net", classes=CLASSES, channels="first").predict(np.array(IDS), IMAGES)
    np.testing.assert_allclose(said, by_hand(soft[:6]), atol=1e-6)


def test_logits_that_are_said_to_be_probabilities_are_refused():
    with pytest.raises(InvalidPredictionsError):
        collect([member(net(), activation="linear")], (IDS, IMAGES))


def test_one_sigmoid_output_is_the_second_class():
    torch.manual_seed(0)
    one = nn.Sequential(nn.Flatten(), nn.Linear(90, 1))
    p = 1 / (1 + np.exp(-one(torch.from_numpy(IMAGES / 255)).detach().numpy()[:, 0]))
    made = as_member(one, name="one", classes=["no", "yes"], activation="sigmoid")
    np.testing.assert_allclose(made.predict(np.array(IDS), IMAGES / 255), np.stack([1 - p, p], axis=1), atol=1e-6)
    with pytest.raises(InvalidOptionError, match="softmax over one output is 1 for every row; member 'one'"):
        as_member(one, name="one", classes=["no", "yes"], activation="softmax").predict(np.array(IDS), IMAGES)


def test_labels_and_values_need_no_softmax():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(90, 2)).double()
    x = IMAGES / 255
    raw = linear(torch.from_numpy(x).double()).detach().numpy()
    labels = as_member(linear, name="l", classes=["a", "b"], task="multilabel", activation="sigmoid")
    np.testing.assert_allclose(labels.predict(np.array(IDS), x), 1 / (1 + np.exp(-raw)), atol=1e-6)
    values = as_member(linear, name="v", classes=["a", "b"], task="regression")
    np.testing.assert_allclose(values.predict(np.array(IDS), x), raw, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "uint8", "float16"])
def test_numbers_are_cast_to_those_of_the_module(dtype):
    x = IMAGES.astype(dtype)
    given = torch.from_numpy(x.astype("float32").transpose(0, 3, 1, 2).copy())
    np.testing.assert_allclose(member(net()).predict(np.array(IDS), x), by_hand(net(), given), atol=1e-6)


def test_half_precision_and_a_module_without_parameters():
    said = member(net().bfloat16()).predict(np.array(IDS), IMAGES / 255)
    assert said.dtype == np.float32
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    np.testing.assert_allclose(
        member(pool, device="cpu").predict(np.array(IDS), IMAGES).argmax(axis=1), IMAGES.mean((1, 2)).argmax(axis=1)
    )


def test_classes_of_pixels_come_last():
    pixels = nn.Conv2d(3, 3, 1)
    expected = by_hand(pixels).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(member(pixels).predict(np.array(IDS), IMAGES), expected, atol=1e-5)
    with pytest.raises(InvalidOptionError, match=r"'net' gives outputs of shape \(7, 3, 6, 5\), of which nobody"):
        member(pixels, channels=None).predict(np.array(IDS), FIRST)


def test_several_inputs_and_outputs_go_by_name():
    class Two(nn.Module):
        def forward(self, pixels, age):
            return {"logits": torch.stack([age[:, 0], pixels.mean((1, 2, 3))], 1), "hidden": age}

    x = {"age": np.arange(7.0)[:, np.newaxis], "pixels": IMAGES / 255}
    made = as_member(
        Two(), name="two", classes=["a", "b"], activation="softmax", channels="first", output_name="logits"
    )
    odds = np.exp(x["age"][:, 0] - x["pixels"].mean((1, 2, 3)))
    np.testing.assert_allclose(made.predict(np.array(IDS), x)[:, 0], odds / (1 + odds), atol=1e-5)


def test_options_that_are_not_for_a_model_are_refused():
    for option, value, kinds in (
        ("channels", "first", "PyTorch modules and ONNX models"),
        ("device", "cpu", "PyTorch modules"),
    ):
        with pytest.raises(InvalidOptionError, match=f"{option} is for {kinds}; member 'f' is of the type function"):
            as_member(lambda x: x, name="f", classes=CLASSES, **{option: value})
    with pytest.raises(InvalidOptionError, match=r"channels must be .*'first'.*'last'.*; received 'chw'"):
        member(net(), channels="chw")


class Rows(data.Dataset):
    """Rows of ids, images and labels, or of some of them."""

    def __init__(self, *columns, of=tuple):
        self.columns, self.of = columns, of

    def __len__(self):
        return 7

    def __getitem__(self, row):
        return self.of(column[row] for column in self.columns)


def loaded(*columns, shuffle=True, of=tuple):
    return data.DataLoader(Rows(*columns, of=of), batch_size=3, shuffle=shuffle)


def check_rows(collected):
    assert sorted(collected.ids.tolist()) == IDS
    places = [IDS.index(one) for one in collected.ids.tolist()]
    np.testing.assert_allclose(collected.member_probas[0], by_hand(net())[places], atol=1e-6)
    assert collected.labels.tolist() == [NAMES[k] for k in places]


def as_columns(values):
    return dict(zip(("name", "pixels", "kind"), values, strict=True))


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_loader_of_ids_images_and_labels_is_a_source(shuffle):
    torch.manual_seed(4)
    check_rows(collect([member(net())], loaded(IDS, FIRST, Y, shuffle=shuffle), classes=CLASSES))
    loader = loaded(IDS, FIRST, Y, shuffle=shuffle, of=as_columns)
    source = column_source(loader, ids="name", x="pixels", y="kind", classes=CLASSES)
    check_rows(collect([member(net())], source))


def test_labels_of_a_loader_may_be_names_or_one_hot():
    check_rows(collect([member(net())], loaded(IDS, FIRST, NAMES), classes=CLASSES))
    check_rows(collect([member(net())], loaded(IDS, FIRST, torch.eye(3)[Y]), classes=CLASSES))
    with pytest.raises(DataError, match=r"one-hot, a 1 for the class of the row .* \[0\.5, 0\.5, 0\.0\]"):
        collect(
            [member(net())], loaded(IDS, FIRST, torch.tensor([[0.5, 0.5, 0.0]] * 7), shuffle=False), classes=CLASSES
        )


def test_a_loader_without_ids_is_refused_and_all_the_more_if_it_shuffles():
    made = [member(net())]
    for shuffle, why in ((True, "it shuffles its rows"), (False, "in order, but have no names")):
        with pytest.raises(DataError, match=f"must give its ids with its rows.*{why}.*column_source"):
            collect(made, loaded(FIRST, Y, shuffle=shuffle), classes=CLASSES)
        with pytest.raises(DataError, match=r"gives columns, 3 \('name', 'pixels', 'kind'\), and does not say which"):
            collect(made, loaded(IDS, FIRST, Y, shuffle=shuffle, of=as_columns), classes=CLASSES)
    with pytest.raises(DataError, match=r"a list of ids is for a DataLoader with shuffle=False, .* that shuffles"):
        column_source(loaded(FIRST, Y), ids=IDS, x=0, y=1)


def test_ids_in_the_order_of_a_loader_that_does_not_shuffle():
    in_order = loaded(FIRST, Y, shuffle=False)
    check_rows(collect([member(net())], column_source(in_order, ids=IDS, x=0, y=1, classes=CLASSES)))
    for ids in (IDS[:-1], [*IDS, "more"]):
        with pytest.raises(DataError, match=f"one a row; received {len(ids)} for 7 rows"):
            collect([member(net())], column_source(in_order, ids=ids, x=0, y=1, classes=CLASSES))
    weighted = data.WeightedRandomSampler([1.0] * 7, 7)
    with pytest.raises(DataError, match="that shuffles"):
        column_source(data.DataLoader(Rows(FIRST, Y), sampler=weighted), ids=IDS, x=0, y=1)


def test_a_module_and_arrays_are_combined_with_saved_predictions():
    saved = Predictions(by_hand(net()), ids=IDS, classes=CLASSES, member="saved")
    both = collect([member(net()), saved], (IDS, IMAGES, NAMES))
    np.testing.assert_allclose(combine(both, "mean").probas, saved.probas, atol=1e-6)


def rows_of_hugging_face():
    datasets = pytest.importorskip("datasets")
    from PIL import Image

    pictures = [Image.fromarray(one.astype("uint8")) for one in IMAGES]
    features = datasets.Features(
        {"name": datasets.Value("string"), "image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)}
    )
    return datasets.Dataset.from_dict({"name": IDS, "image": pictures, "label": Y.tolist()}, features=features)


@pytest.mark.parametrize("change", [lambda d: d, lambda d: d.shuffle(seed=1), lambda d: d.to_iterable_dataset()])
def test_a_dataset_of_hugging_face_is_read_by_its_columns(change):
    dataset = change(rows_of_hugging_face())
    source = column_source(dataset, ids="name", x="image", y="label")
    collected = collect([member(net())], source, batch_size=3)
    places = [IDS.index(one) for one in collected.ids.tolist()]
    assert collected.labels.tolist() == [NAMES[k] for k in places]
    whole = torch.from_numpy(IMAGES.astype("uint8").astype("float32").transpose(0, 3, 1, 2).copy())
    np.testing.assert_allclose(collected.member_probas[0], by_hand(net(), whole)[places], atol=1e-6)
    with pytest.raises(
        DataError, match=r"which of its columns are ids and inputs; it has 3 \('name', 'image', 'label'\)"
    ):
        collect([member(net())], dataset)
    with pytest.raises(DataError, match=r"received a \w*Dataset\. Give the name of a column of ids, .*add_column"):
        column_source(dataset, ids=IDS, x="image")
    with pytest.raises(DataError, match=r"must have the column 'id'; it has 3 \('name', 'image', 'label'\)"):
        collect([member(net())], column_source(dataset, ids="id", x="image"))


def test_pictures_of_several_sizes_are_refused():
    batches = [{"name": ["a", "b"], "x": [np.zeros((2, 2, 3)), np.zeros((3, 2, 3))]}]
    with pytest.raises(DataError, match=r"rows of column 'x' must be of one size; received 2"):
        collect([member(net())], column_source(batches, ids="name", x="x"))


def test_the_page_about_pytorch_says_what_is_so(monkeypatch):
    check_page("pytorch-and-backends.md", monkeypatch, tensorflow=False)
