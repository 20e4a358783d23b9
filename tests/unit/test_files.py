"""A file or folder appears whole or not at all."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

import ensemblekit.files
from ensemblekit.errors import OutputExistsError
from ensemblekit.files import Replaceable, atomic_folder, atomic_path, atomic_write, locked_folder, write_text


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


# What is replaced, and what is not.


@pytest.mark.parametrize("rights", [0o600, 0o640, 0o444, 0o755])
def test_what_is_replaced_keeps_its_rights(rights, tmp_path):
    write_text(tmp_path / "a.txt", "old")
    (tmp_path / "a.txt").chmod(rights)
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == rights


def test_a_folder_that_is_replaced_keeps_its_rights(tmp_path):
    fill(tmp_path / "made", "old")
    (tmp_path / "made").chmod(0o700)
    (tmp_path / "made" / "a.txt").chmod(0o600)
    fill(tmp_path / "made", "new", overwrite=True)
    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("made", "made/a.txt")]
    assert rights == [0o700, 0o600]


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002, 0])
def test_what_is_new_has_the_rights_that_the_umask_leaves(umask, tmp_path):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "x")
        fill(tmp_path / "made", "x")
    finally:
        os.umask(before)
    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.txt", "made", "made/a.txt")]
    assert rights == [0o666 & ~umask, 0o777 & ~umask, 0o666 & ~umask]


def test_no_thread_ever_sees_another_umask(tmp_path):
    before = os.umask(0o077)
    try:
        threads = [
            threading.Thread(target=lambda k=k: [write_text(tmp_path / f"{k}.txt", "x") for _ in range(40)])
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        made = []
        while any(thread.is_alive() for thread in threads):
            made.append(os.open(tmp_path / f"plain-{len(made)}", os.O_CREAT | os.O_WRONLY, 0o666))
            assert stat.S_IMODE(os.fstat(made[-1]).st_mode) == 0o600
            os.close(made[-1])
    finally:
        os.umask(before)
    assert len(made) > 10


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.txt").write_text("old")
    (tmp_path / "a.txt").symlink_to("there/a.txt")
    (tmp_path / "b.txt").symlink_to("there/b.txt")
    write_text(tmp_path / "a.txt", "new")
    write_text(tmp_path / "b.txt", "new")
    assert [(tmp_path / name).readlink() for name in ("a.txt", "b.txt")] == [Path("there/a.txt"), Path("there/b.txt")]
    assert {p.name: p.read_text() for p in (tmp_path / "there").iterdir()} == {"a.txt": "new", "b.txt": "new"}


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "circle"])
def test_a_file_replaces_nothing_but_a_file(kind, tmp_path):
    path = tmp_path / "a.txt"
    {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/null"),
        "circle": lambda: path.symlink_to("a.txt"),
    }[kind]()
    before = path.lstat()
    with pytest.raises(OutputExistsError, match=r"Take another name\.$"):
        write_text(path, "x")
    assert os.path.samestat(path.lstat(), before)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_comes_meanwhile_is_not_replaced_unasked(has_links, tmp_path, monkeypatch):
    if not has_links:

        def refuse(*arguments, **options):
            raise PermissionError

        monkeypatch.setattr(os, "link", refuse)
    with atomic_write(tmp_path / "new.txt", overwrite=False) as file:
        file.write(b"new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("new.txt", "new")]

    def late():
        with atomic_write(tmp_path / "a.txt", overwrite=False) as file:
            file.write(b"new")
            (tmp_path / "a.txt").write_text("mine")

    with pytest.raises(OutputExistsError, match="is there already"):
        late()
    assert (tmp_path / "a.txt").read_text() == "mine"


def test_a_folder_to_which_a_file_comes_at_the_last_moment_is_not_replaced(tmp_path, monkeypatch):
    from ensemblekit.files import _atomic

    fill(tmp_path / "made", "old")
    exchange = _atomic._exchange

    def late(first, second):
        if not (second / "thesis.tex").exists() and not (first / "thesis.tex").exists():
            (second / "thesis.tex").write_text("mine")
        exchange(first, second)

    monkeypatch.setattr(_atomic, "_exchange", late)
    with pytest.raises(OutputExistsError, match=r"holds also 'thesis\.tex'\. Move that elsewhere"):
        fill(tmp_path / "made", "new", overwrite=True)
    assert {p.name for p in (tmp_path / "made").iterdir()} == {"a.txt", "old.txt", "thesis.tex"}
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


# What killed processes leave.

KILLED = """
import os, signal, sys
from ensemblekit.files import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_another_is_at_work_in_is_not(tmp_path):
    path = tmp_path / "a.txt"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(path)])
        assert done.returncode == -signal.SIGKILL
        assert len(list(tmp_path.iterdir())) == 1
    with atomic_write(path) as file:
        assert len(list(tmp_path.iterdir())) == 1
        write_text(path, "by another")
        assert len(list(tmp_path.iterdir())) == 2
        file.write(b"by us")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "by us")]


@pytest.mark.parametrize("name", ["thesis.tex", "new.txt"])
def test_what_a_user_has_put_where_we_would_write_stays(name, tmp_path):
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
    place = temporary.parent
    place.mkdir()
    (place / name).write_text("mine")
    write_text(tmp_path / "a.txt", "new")
    assert (place / name).read_text() == "mine"
    assert (tmp_path / "a.txt").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 2


STOPPED = """
import sys, time
from ensemblekit.cli import _app
from ensemblekit.files import atomic_write
def app():
    with atomic_write(sys.argv[1]) as file:
        print("at work", flush=True)
        time.sleep(60)
_app.app = app
_app.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_told_to_end_leaves_nothing(number, tmp_path):
    command = [sys.executable, "-c", STOPPED, str(tmp_path / "a.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        process.stdout.readline()
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []


IN_TWO_STEPS = """
import os, signal, sys
from pathlib import Path
from ensemblekit.files import Replaceable, _atomic, atomic_folder
_atomic.ctypes.CDLL = lambda name: None
def watch(event, arguments):
    if event == "os.rename" and Path(arguments[1]).name == "made" and not Path(arguments[1]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
with atomic_folder(sys.argv[1], replaces=Replaceable("a folder", lambda folder: folder.names())) as temporary:
    (temporary / "new.txt").write_text("new")
"""


def test_a_folder_that_a_killed_process_had_set_aside_comes_back(tmp_path):
    fill(tmp_path / "made", "old")
    done = subprocess.run([sys.executable, "-c", IN_TWO_STEPS, str(tmp_path / "made")])
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "made").exists()
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "made", replaces=OURS):
        raise RuntimeError("the next run writes nothing")
    assert {p.name for p in (tmp_path / "made").iterdir()} == {"a.txt", "old.txt"}
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_a_file_that_comes_at_the_very_last_moment_is_not_replaced_unasked(tmp_path, monkeypatch):
    from ensemblekit.files import _atomic

    link = os.link

    def late(first, second):
        second.write_text("mine")
        link(first, second)

    monkeypatch.setattr(_atomic.os, "link", late)
    with (
        pytest.raises(OutputExistsError, match="is there already"),
        atomic_write(tmp_path / "a.txt", overwrite=False) as file,
    ):
        file.write(b"new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "mine")]


# Locks.


def test_a_new_folder_that_another_process_takes_for_a_leftover_is_not_used(tmp_path, monkeypatch):
    mkdir, taken = Path.mkdir, []

    def and_another_locks_it(path, *args, **options):
        mkdir(path, *args, **options)
        if not taken:
            taken.append(os.open(path, os.O_RDONLY))
            assert filelock.lock_descriptor(taken[0], blocking=False)

    monkeypatch.setattr(Path, "mkdir", and_another_locks_it)
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert temporary.parent.name.endswith("0001")
    os.close(taken[0])
    assert (tmp_path / "a.txt").read_text() == "new"
    write_text(tmp_path / "a.txt", "newer")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_without_locks_in_the_file_system_files_are_written_and_nothing_is_a_leftover(tmp_path, monkeypatch):
    def none(descriptor, **options):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(filelock, "lock_descriptor", none)
    with atomic_write(tmp_path / "a.txt") as file:
        write_text(tmp_path / "a.txt", "by another")
        file.write(b"by us")
    with locked_folder(tmp_path / ".a.parts", tmp_path / "a.txt", "parts") as folder:
        assert folder.names() == [".ensemblekit"]
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "by us")]


def test_a_folder_that_another_process_has_locked_is_refused(tmp_path):
    given = tmp_path / ".a.parts", tmp_path / "a.txt", "parts"
    with (
        locked_folder(*given),
        pytest.raises(OutputExistsError, match=r"another is at work on '.*a\.txt'\. Wait"),
        locked_folder(*given),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("old", "new"), [("held_folder", "locked_folder"), ("HeldFolder", "LockedFolder")])
def test_old_names_still_work_and_say_the_new_ones(old, new):
    with pytest.warns(DeprecationWarning, match=rf"^ensemblekit\.files\.{old} is .* use ensemblekit\.files\.{new}\."):
        assert getattr(ensemblekit.files, old) is getattr(ensemblekit.files, new)
