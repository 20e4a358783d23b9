"""What a user names is opened where it is a regular file, and nothing waits where it is none."""

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ensemblekit.errors import NotAFileError
from ensemblekit.regular import open_regular, read_regular


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


OTHERS = {
    "a folder": Path.mkdir,
    "a pipe": make_pipe,
    "a socket": make_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("through_a_link", [False, True])
@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch, kind, through_a_link):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    path = Path("x.png")
    OTHERS[kind](path)
    if through_a_link:
        Path("link.png").symlink_to(path)
        path = Path("link.png")
    for call in (open_regular, lambda p: read_regular(p, 10)):
        with pytest.raises(NotAFileError, match=f"^a regular file must be there; '{path}' is {kind}.$"):
            call(path)


@pytest.mark.timeout(20)
def test_a_pipe_that_takes_the_place_of_a_file_between_look_and_open_is_waited_for_by_nobody(tmp_path):
    code = """
        import os, sys, threading
        from ensemblekit.regular import open_regular
        os.chdir(sys.argv[1])
        os.mkfifo("pipe")
        open("file", "w").close()
        os.link("file", "x")
        done = threading.Event()

        def swap():
            while not done.is_set():
                for name in ("pipe", "file"):
                    os.link(name, "new")
                    os.replace("new", "x")

        threading.Thread(target=swap).start()
        sys.setswitchinterval(1e-5)
        opened = refused = 0
        while opened < 300 or refused < 300:
            try:
                with open_regular("x") as file:
                    assert file.read() == b""
                opened += 1
            except OSError:
                refused += 1
        done.set()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), tmp_path], check=True, timeout=15)


def test_a_file_is_read_as_far_as_its_size_says(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular(tmp_path / "a", 5) == b"12345"
    with pytest.raises(NotAFileError, match=r"may have 4 bytes; '.*a' has 5\.$"):
        read_regular(tmp_path / "a", 4)


def test_a_file_larger_than_it_may_be_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(NotAFileError, match=rf"may have 10 bytes; '.*a' has {2**42}\.$"):
        read_regular(tmp_path / "a", 10)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc")
@pytest.mark.parametrize("name", ["/proc/self/maps", "/proc/kmsg"])
def test_what_the_kernel_makes_up_is_not_read_without_end(name):
    with contextlib.suppress(PermissionError):
        assert read_regular(name, 10) == b""


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_can_be_no_name_is_refused_as_such(name):
    with pytest.raises(NotAFileError, match="a name of a file must be one that a file can have"):
        open_regular(name)


def test_nothing_is_left_open(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(NotAFileError):
            open_regular(tmp_path, most=4)
        read_regular(tmp_path / "a", 5)
    assert len(list(Path("/dev/fd").iterdir())) == before
