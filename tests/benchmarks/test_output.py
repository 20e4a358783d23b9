import json
from contextlib import suppress

import pytest

from benchmarks.study.output import hold, prepare
from ensemblekit.errors import OutputExistsError


def open_again(folder):
    """Do to a folder what --out FOLDER --overwrite does before the run begins."""
    with hold(folder):
        prepare(folder, overwrite=True, resume=False)


def make_ours(folder):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"versions": {"ensemblekit": "1"}, "settings": {}, "status": ""}))
    (folder / "pieces").mkdir()
    record = {"depends": {"basis": "0"}, "files": {"a.keras": {}}}
    (folder / "pieces" / "a.json").write_text(json.dumps(record))
    (folder / "a.keras").touch()


def test_a_folder_with_nothing_but_a_folder_called_pieces_is_not_ours(tmp_path):
    mine = tmp_path / "game" / "pieces" / "king.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("{}")
    with pytest.raises(OutputExistsError, match="or hold an earlier run"):
        open_again(tmp_path / "game")
    assert mine.read_text() == "{}"
    mine.unlink()
    (mine.parent / "lock").touch()  # as a run leaves it that is killed at once
    (tmp_path / "game" / "histories").mkdir()  # or after it was cleared
    open_again(tmp_path / "game")
    (tmp_path / "game" / "config.json").unlink(missing_ok=True)
    (tmp_path / "game" / "histories" / "of_rome.csv").touch()
    with pytest.raises(OutputExistsError, match="or hold an earlier run"):
        open_again(tmp_path / "game")


@pytest.mark.parametrize("text", ["{}", "{", "[]", "null", '{"files": {"a.keras": 1}}', '{"depends": 1, "files": []}'])
def test_in_a_folder_of_ours_what_is_no_record_of_ours_stays(tmp_path, text):
    make_ours(tmp_path / "run")
    mine = tmp_path / "run" / "pieces" / "mine.json"
    mine.write_text(text)
    open_again(tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run").rglob("*") if p.is_file()) == ["lock", "mine.json"]


@pytest.mark.parametrize("linked", ["pieces", "pieces/lock", "repeats", "repeats/1"])
def test_no_link_is_followed_out_of_a_folder_of_ours(tmp_path, linked):
    make_ours(tmp_path / "run")
    make_ours(tmp_path / "precious")
    make_ours(tmp_path / "precious" / "1")
    (tmp_path / "precious" / "lock").write_text("keep")
    before = {p: p.read_bytes() for p in (tmp_path / "precious").rglob("*") if p.is_file()}
    link = tmp_path / "run" / linked
    if linked == "pieces":
        link.rename(tmp_path / "away")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(
        tmp_path / "precious" / ("lock" if link.name == "lock" else "pieces" if linked == "pieces" else ".")
    )
    with suppress(OutputExistsError, OSError):
        open_again(tmp_path / "run")
    assert {p: p.read_bytes() for p in (tmp_path / "precious").rglob("*") if p.is_file()} == before
