"""A file appears whole or not at all."""

import stat

import pytest

from ensemblekit.files import atomic_path, atomic_write, write_text


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
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"new")
        assert not (tmp_path / "model.keras").exists()
    assert (tmp_path / "model.keras").read_bytes() == b"new"


def test_a_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_text(tmp_path / "a.txt", "x")
    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "a.txt")]
    assert rights[0] == rights[1]
