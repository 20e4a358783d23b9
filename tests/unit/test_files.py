"""A file or folder appears whole or not at all."""

import stat
from pathlib import Path

import pytest

from ensemblekit import OutputExistsError
from ensemblekit.files import Replaceable, atomic_folder, atomic_path, atomic_write, write_text


def test_text_is_written_in_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "naïve\n")
    assert (tmp_path / "a.txt").read_bytes() == "naïve\n".encode()


def fail_halfway(path):
    with atomic_write(path) as file:
        file.write(b"half")
        raise RuntimeError("disk")


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="disk"):
        fail_halfway(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_opens_files_itself_gets_a_path_with_the_same_suffix(tmp_path):
    with atomic_path(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        assert temporary.parent.parent == tmp_path
        temporary.write_bytes(b"new")
        assert not (tmp_path / "model.keras").exists()
    assert (tmp_path / "model.keras").read_bytes() == b"new"


def test_a_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_text(tmp_path / "a.txt", "x")
    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "a.txt")]
    assert rights[0] == rights[1]


OURS = Replaceable("a folder of this test", lambda folder: [name for name in folder.names() if name.endswith(".txt")])


def fill(folder, text, overwrite=False):
    with atomic_folder(folder, replaces=OURS if overwrite else None) as temporary:
        (temporary / "a.txt").write_text(text)
        (temporary / f"{text}.txt").write_text(text)


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_takes_the_place_of_another_as_a_whole(in_one_step, tmp_path, monkeypatch):
    if not in_one_step:
        monkeypatch.setattr("ensemblekit.files._atomic.ctypes.CDLL", lambda name: None)
    fill(tmp_path / "made", "old")
    fill(tmp_path / "made", "new", overwrite=True)
    assert {p.name: p.read_text() for p in (tmp_path / "made").iterdir()} == {"a.txt": "new", "new.txt": "new"}
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_a_folder_that_is_there_is_not_replaced_unasked(tmp_path):
    fill(tmp_path / "made", "old")
    with pytest.raises(OutputExistsError, match="is there already"):
        fill(tmp_path / "made", "new")
    assert (tmp_path / "made" / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_the_old_folder_comes_back_where_the_new_one_cannot_come(tmp_path, monkeypatch):
    fill(tmp_path / "made", "old")
    rename, calls = Path.rename, []

    def fail_the_second_time(self, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError("disk")
        return rename(self, target)

    monkeypatch.setattr("ensemblekit.files._atomic.ctypes.CDLL", lambda name: None)
    monkeypatch.setattr(Path, "rename", fail_the_second_time)
    with pytest.raises(OSError, match="disk"):
        fill(tmp_path / "made", "new", overwrite=True)
    assert (tmp_path / "made" / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["made"]
