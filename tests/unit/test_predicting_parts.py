"""The hidden folder of a run: damaged parts are predicted again, and what is not the run's is never touched."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from ensemblekit import Predictions, predict_images
from ensemblekit.errors import OutputExistsError
from ensemblekit.predicting import Predictor, _run


@pytest.fixture(autouse=True)
def few_a_part(monkeypatch):
    monkeypatch.setattr(_run, "PART", 2)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(8):
        Image.fromarray(np.full((8, 8, 3), 30 * k, np.uint8)).save(folder / f"{k}.png")
    (folder / "3.png").write_bytes(b"no image")
    return folder


class Model:
    """Says how bright an image is, and counts what it was asked."""

    def __init__(self):
        self.asked = 0
        self.predictor = Predictor("m", ("dark", "bright"), (8, 8, 3), "0" * 64, self.run)

    def run(self, x):
        self.asked += 1
        bright = x.mean((1, 2, 3)) / 255
        return np.stack([1 - bright, bright], 1)


def cut_off(images, out, **options):
    """Stop a run when three of its four parts are finished."""

    def stop(done, total):
        if done > 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_images(Model().predictor, images, out, batch_size=2, progress=stop, **options)
    return out.with_name(f".{out.name}.parts")


def assert_right(out, images):
    found = Predictions.load(out)
    assert found.ids.tolist() == [f"images/{k}.png" for k in range(8) if k != 3]
    np.testing.assert_allclose(found.probas[:, 1], 30 * np.delete(np.arange(8), 3) / 255, atol=1e-6)
    lines = out.with_name(f"{out.stem}.unreadable.csv").read_text().splitlines()
    assert lines == ["id,reason", 'images/3.png,"no image, whatever its name says"']
    assert sorted(p.name for p in out.parent.iterdir()) == ["images", out.name, f"{out.stem}.unreadable.csv"]


def edit(change):
    def edit_record(path):
        record = json.loads(path.read_text())
        path.write_text(json.dumps(change(record) or record))

    return edit_record


PARTS = {
    "cut": lambda p: os.truncate(p, p.stat().st_size // 2),
    "empty": lambda p: os.truncate(p, 0),
    "garbage": lambda p: p.write_bytes(b"garbage"),
    "flipped": lambda p: p.write_bytes(p.read_bytes().replace(b"images/0", b"images/9")),
    "another part": lambda p: shutil.copy(p.with_name("0000002-0.parquet"), p),
    "missing": lambda p: p.unlink(),
    "a pipe": lambda p: (p.unlink(), os.mkfifo(p)),
    "a folder": lambda p: (p.unlink(), p.mkdir()),
    "a link": lambda p: (p.unlink(), p.symlink_to("0000002-0.parquet")),
}
RECORDS = PARTS | {
    "an object": lambda p: p.write_text("{}"),
    "a list": lambda p: p.write_text("[]"),
    "nothing": lambda p: p.write_text("null"),
    "deep": lambda p: p.write_text("[" * 10**5),
    "no utf-8": lambda p: p.write_bytes(b'{"n_rows": "\xff"}'),
    "other rows": edit(lambda record: record.update(n_rows=1)),
    "rows that are text": edit(lambda record: record.update(n_rows="2")),
    "another unreadable": edit(lambda record: record.update(unreadable={"images/9.png": "x"})),
    "no unreadable": edit(lambda record: record.pop("unreadable")),
    "files that are a list": edit(lambda record: record.update(files=list(record["files"]))),
    "the digest alone": edit(lambda record: record.update(sha256="0" * 64)),
}
RECORDS.pop("flipped"), RECORDS.pop("another part")


@pytest.mark.parametrize(
    ("name", "kind", "suffix"),
    [
        *(("0000000-0.parquet", kind, "parquet") for kind in PARTS),
        *(("0000000.json", kind, "parquet") for kind in RECORDS),
        # The parts are the same, whatever is made of them.
        ("0000000-0.parquet", "cut", "csv"),
        ("0000000.json", "cut", "csv"),
    ],
)
def test_a_part_that_is_damaged_is_predicted_again_and_no_other(name, kind, suffix, images, tmp_path):
    out = tmp_path / f"p.{suffix}"
    place = cut_off(images, out)
    (PARTS | RECORDS)[kind](place / name)
    if kind in ("a pipe", "a folder", "a link"):  # no run made these
        with pytest.raises(OutputExistsError, match=f"must hold nothing else; it holds '{name}'. Move that elsewhere"):
            predict_images(Model().predictor, images, out, resume=True)
        ((place / name).rmdir if kind == "a folder" else (place / name).unlink)()
    model = Model()
    predict_images(model.predictor, images, out, batch_size=2, resume=True)
    assert model.asked == 2  # the one that was damaged, and the one that was not finished
    assert_right(out, images)


@pytest.mark.parametrize("plan", ["", "{", "[]", "null", "{}", '"text"', "[" * 10**5])
def test_a_run_whose_plan_is_damaged_is_begun_again(plan, images, tmp_path):
    out = tmp_path / "p.parquet"
    place = cut_off(images, out)
    (place / "plan.json").write_text(plan)
    model = Model()
    # "{}" is a plan, of another run.
    predict_images(model.predictor, images, out, batch_size=2, resume=True, overwrite=plan == "{}")
    assert model.asked == 4
    assert_right(out, images)


def test_a_file_that_came_since_a_run_was_cut_off_is_not_replaced_unasked(images, tmp_path):
    out = tmp_path / "p.parquet"
    cut_off(images, out)
    out.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"p\.parquet' is there already"):
        predict_images(Model().predictor, images, out, resume=True)
    assert out.read_text() == "mine"
    predict_images(Model().predictor, images, out, resume=True, overwrite=True)
    assert_right(out, images)


def test_a_file_that_comes_while_images_are_predicted_is_not_replaced_unasked(images, tmp_path):
    out = tmp_path / "p.parquet"
    with pytest.raises(OutputExistsError, match=r"p\.parquet' is there already"):
        predict_images(Model().predictor, images, out, progress=lambda *at: out.write_text("mine"))
    assert out.read_text() == "mine"
    out.unlink()
    model = Model()
    predict_images(model.predictor, images, out, resume=True)
    assert model.asked == 0
    assert_right(out, images)


def test_a_list_of_unreadable_images_takes_the_place_of_no_other_file(images, tmp_path):
    (tmp_path / "p.unreadable.csv").write_text("my thesis")
    with pytest.raises(OutputExistsError, match=r"is no such list\. Move it elsewhere"):
        predict_images(Model().predictor, images, tmp_path / "p.parquet", overwrite=True)
    assert (tmp_path / "p.unreadable.csv").read_text() == "my thesis"


def test_the_folder_of_an_earlier_version_is_recognised(images, tmp_path):
    out = tmp_path / "p.parquet"
    place = cut_off(images, out)
    (place / ".ensemblekit").unlink()
    plan = json.loads((place / "plan.json").read_text())
    with pytest.raises(OutputExistsError, match="something is there that ensemblekit did not make"):
        predict_images(Model().predictor, images, out, resume=True)
    plan.pop("overwrite")
    (place / "plan.json").write_text(json.dumps(plan))
    (place / ".0000003.abcd1234.json").write_text("not finished")
    predict_images(Model().predictor, images, out, resume=True)
    assert_right(out, images)


@pytest.mark.parametrize("what", ["folder", "file", "link", "link to a run", "pipe"])
@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_what_is_where_parts_would_be_is_refused_before_anything_is_predicted(what, options, images, tmp_path):
    out, model = tmp_path / "p.parquet", Model()
    place = tmp_path / ".p.parquet.parts"
    if what == "link to a run":
        cut_off(images, tmp_path / "other.parquet")
        (tmp_path / ".other.parquet.parts").rename(tmp_path / "mine")
        place.symlink_to("mine")
    else:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "keep.txt").write_text("keep")
        {
            "folder": lambda: (tmp_path / "mine").rename(place),
            "file": lambda: place.write_text("mine"),
            "link": lambda: place.symlink_to("mine"),
            "pipe": lambda: os.mkfifo(place),
        }[what]()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputExistsError, match=r"is there that ensemblekit did not make\. Move it elsewhere"):
        predict_images(model.predictor, images, out, **options)
    assert model.asked == 0
    assert sorted(tmp_path.rglob("*")) == before
