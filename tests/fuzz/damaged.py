"""Cases for the harness: images, models and banks with small edits are read as they are, or refused in one line."""

from __future__ import annotations

import contextlib
import io
import json
import random
import tempfile
import warnings
import zipfile
from collections.abc import Generator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from ensemblekit import EnsembleKitError, FeatureBank, extract_features, open_model
from ensemblekit.data import read_image
from ensemblekit.errors import ImageReadingWarning, UnreadableImageError
from tests.fuzz.harness import edited
from tests.plain_backbone import PlainBackbone, make_images

FORMS = [
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "I;16", {}),
    ("PNG", "1", {}),
    ("JPEG", "RGB", {}),
    ("JPEG", "L", {"progressive": True}),
    ("JPEG", "CMYK", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
    ("GIF", "P", {"save_all": True, "append_images": [Image.new("P", (20, 20), 5)]}),
    ("GIF", "L", {"comment": b"x" * 400}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("TIFF", "RGB", {}),
    ("TIFF", "LAB", {"compression": "tiff_lzw"}),
    ("TIFF", "L", {"compression": "jpeg"}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "RGBA", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "I;16", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
]


@contextlib.contextmanager
def file_of(content: bytes, suffix: str) -> Generator[Path]:
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


def edited_often(rng: random.Random, content: bytes) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 5))):
        content = edited(rng, content)
    return content


@cache
def image(number: int) -> bytes:
    form, mode, options = FORMS[number % len(FORMS)]
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    held, made = io.BytesIO(), Image.fromarray(pixels)
    if mode == "I;16":
        made = Image.fromarray(pixels[..., 0].astype(np.uint16) << 7)
    elif mode == "LAB":
        made = Image.frombytes("LAB", (24, 20), pixels.tobytes())
    else:
        made = made.convert(mode)
    made.save(held, form, **options)
    return held.getvalue()


def read_edited_image(number: int) -> str | None:
    """Read an image that has a few edits, most of them near its start, where the header is."""
    rng = random.Random(number)
    whole = image(number % len(FORMS))
    head = rng.choice((40, 200, len(whole)))
    with file_of(edited_often(rng, whole[:head]) + whole[head:], ".png") as path:
        for filters in ("ignore", "error"):
            with warnings.catch_warnings():
                warnings.simplefilter(filters)
                warnings.simplefilter("ignore", ImageReadingWarning)  # an edit may add a frame, or take grey levels
                try:
                    pixels = read_image(path, (8, 8))
                except UnreadableImageError as error:
                    if "\n" in str(error):
                        return f"more than a line: {error}"
                else:
                    if pixels.shape != (8, 8, 3) or not np.isfinite(pixels).all():
                        return f"an image of {pixels.shape}"
    return None


@cache
def onnx_model() -> bytes:
    from onnx import TensorProto, helper

    numbers = np.linspace(-0.01, 0.01, 192 * 2)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["p"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 8, 8, 3))],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ("n", 2))],
        [helper.make_tensor("w", TensorProto.FLOAT, [192, 2], numbers.tolist())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    helper.set_model_props(model, {"ensemblekit.classes": '["a", "b"]'})
    return model.SerializeToString()


def open_edited_onnx(number: int) -> str | None:
    """Open an ONNX file that is cut, in the first 200 cases, or has a few edits outside of its numbers."""
    rng = random.Random(number)
    whole = onnx_model()
    if number < 200:
        content = whole[: number * len(whole) // 200]
    else:
        # The numbers lie in the middle: an edit of them is another model, and no fault.
        content = edited_often(rng, whole[:180]) + whole[180:-400] + edited_often(rng, whole[-400:])
    return _predicts_or_refuses(content, ".onnx")


@cache
def keras_parts() -> dict[str, bytes]:
    import keras

    pixels = keras.Input((8, 8, 3))
    maps = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(pixels))
    out = keras.layers.Dense(2, "softmax", name="d")(keras.layers.GlobalAveragePooling2D()(maps))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.keras"
        keras.Model(pixels, out).save(path)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


ODD = [None, True, -1, 0, 2**31, 10**9, 2**63, 1e300, "", "x", "x" * 10**5, [], [[]], {}, [10**6, 10**6], [None] * 50]


def open_edited_keras(number: int) -> str | None:
    """Open a ``.keras`` file with edits of the file, of its weights, or of one value in its configuration."""
    rng = random.Random(number)
    parts = dict(keras_parts())
    kind = number % 3
    if kind == 1:
        name = "model.weights.h5"
        parts[name] = edited_often(rng, parts[name])
    elif kind == 2:
        config = json.loads(parts["config.json"])
        places = list(_places(config))
        for holder, key in rng.sample(places, rng.randint(1, 3)):
            holder[key] = rng.choice(ODD)
        parts["config.json"] = json.dumps(config).encode()
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    content = edited_often(rng, held.getvalue()) if kind == 0 else held.getvalue()
    return _predicts_or_refuses(content, ".keras")


def _places(node: object) -> Generator[tuple]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield node, key
        yield from _places(value)


def _predicts_or_refuses(content: bytes, suffix: str) -> str | None:
    with file_of(content, suffix) as path, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = open_model(path, classes=["a", "b"])
            probas = model.predict(np.zeros((2, *model.input_shape), np.float32))
        except EnsembleKitError as error:
            return f"more than a line: {error}" if "\n" in str(error) else None
    return None if probas.shape[0] == 2 else f"predictions of shape {probas.shape}"


IMAGES = make_images(12)
KINDS = ["flip", "name", "type", "deep", "cut"]


def use_edited_bank(number: int) -> str | None:
    """Use a bank whose note or whose segment has edits: features are right, whatever lies there."""
    rng = random.Random(number)
    expected = extract_features(PlainBackbone(), IMAGES)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bank = FeatureBank(folder)
        extract_features(PlainBackbone(), IMAGES, bank=bank)
        (note,) = Path(folder).glob("*/shelf.json")
        (segment,) = Path(folder).glob("*/*.features")
        about = json.loads(note.read_text())
        match number % 4:
            case 0:
                note.write_bytes(edited_often(rng, note.read_bytes()))
            case 1:
                about[rng.choice(list(about))] = rng.choice(ODD)
                note.write_text(json.dumps(about))
            case 2:
                note.write_text(rng.choice(("[" * 10**5, "null", "1", '"x"', "[1, 2]", '{"format": ' * 990)))
            case _:
                segment.write_bytes(edited_often(rng, segment.read_bytes()))
        for shelf in FeatureBank(folder).collections():
            json.dumps([shelf.backbone, shelf.fingerprint, shelf.input_shape, shelf.precision, shelf.augmentation])
        if not np.array_equal(extract_features(PlainBackbone(), IMAGES, bank=FeatureBank(folder)), expected):
            return "other features"
        FeatureBank(folder).clear()
    return None
