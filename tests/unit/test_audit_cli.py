"""`ensemblekit audit`, run as a user runs it."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ensemblekit.cli import app
from tests.strangers import environment
from tests.unit.test_audit import folder, picture, save
from tests.unit.test_cli import in_terminal, run

__all__ = ["folder"]


@pytest.fixture
def leaking(folder):
    """One leaked image, one near copy, one conflict, one broken file with a name that moves the cursor."""
    shutil.copy(folder / "train" / "cat" / "0.png", folder / "test" / "cat" / "copy.png")
    shutil.copy(folder / "train" / "cat" / "0.png", folder / "train" / "dog" / "conflict.png")
    with Image.open(folder / "train" / "dog" / "1.png") as image:
        save(image, folder / "test" / "dog" / "near.jpg", quality=70)
    (folder / "test" / "dog" / "a\x1b[2Jb.png").write_text("no image")
    return folder


@pytest.mark.slow
def test_findings_are_no_failure_unless_that_is_asked_for(leaking):
    done = run("audit", leaking)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of 6 test images have pixels that stand in train or valid; 1 more with a near copy there." in done.stdout
    assert "No readable image: 1" in done.stdout
    assert "\x1b" not in done.stdout
    assert run("audit", leaking, "--fail-on-leaks").returncode == 3
    assert run("audit", leaking, "--fail-on-leaks", "--split", "test").returncode == 0


def test_what_does_not_leak_passes(folder):
    done = run("audit", folder, "--fail-on-leaks")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_json_is_everything_and_always_the_same(leaking):
    done = run("audit", leaking, "--json")
    found = json.loads(done.stdout)
    assert found["cross_split_groups"] == [["train/cat/0.png", "train/dog/conflict.png", "test/cat/copy.png"]]
    assert found["label_conflicts"] == found["equal_groups"] == found["cross_split_groups"]
    assert found["leaked"] == {"test": ["test/cat/copy.png"], "valid": []}
    assert found["near_leaked"] == {"test": ["test/dog/near.jpg"], "valid": []}
    assert [(p["first"], p["second"]) for p in found["near_pairs"]] == [("train/dog/1.png", "test/dog/near.jpg")]
    assert found["unreadable"] == {"test/dog/a\x1b[2Jb.png": "no image, whatever its name says"}
    assert list(found) == sorted(found)
    assert run("audit", leaking, "--json").stdout == done.stdout


@pytest.mark.slow
def test_aliases_given_are_used(folder):
    (folder / "test" / "cat").rename(folder / "test" / "lynx")
    shutil.copy(folder / "train" / "cat" / "0.png", folder / "test" / "lynx" / "copy.png")
    assert json.loads(run("audit", folder, "--json").stdout)["label_conflicts"] != []
    found = json.loads(run("audit", folder, "--json", "--alias", "lynx=cat").stdout)
    assert (found["label_conflicts"], found["aliases"]) == ([], {"lynx": "cat"})


def test_a_page_with_the_copies_is_written_beside_what_is_printed(leaking, tmp_path):
    page, words = tmp_path / "audit.html", ["audit", str(leaking), "--html", str(tmp_path / "audit.html")]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith(f"Written to {page}: the copies side by side.\n")
    assert "Near copies: 1" in done.stdout
    text = page.read_text()
    assert text.count("<img ") == 2 * 4  # a leak, a near copy, a conflict, and the copy within train that it is
    assert "Same bytes, 3 images in all" in text
    refused = CliRunner().invoke(app, words)
    assert "is there already. Take another name, or give --overwrite." in str(refused.exception)
    as_json = CliRunner().invoke(app, [*words, "--overwrite", "--json", "--limit", "1"])
    assert json.loads(as_json.stdout)["leaked"]["test"] == ["test/cat/copy.png"]
    assert "Shown: 1 of 2; left out: 1." in page.read_text()
    for wrong, message in (("p.htm", "must end in .html"), ("no/p.html", "the folder of an output must exist")):
        assert message in str(CliRunner().invoke(app, ["audit", str(leaking), "--html", wrong]).exception)
    assert "limit must be a whole number" in str(CliRunner().invoke(app, ["audit", ".", "--limit", "0"]).exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "a folder of images must be there; nothing is at 'nowhere'"),
        ([".", "--alias", "cat"], "--alias must be OLD=NEW; received 'cat'."),
        ([".", "--max-distance", "300"], "--max-distance must be a whole number of bits"),
    ],
)
def test_errors_are_one_line_and_exit_status_1(folder, arguments, message):
    done = run("audit", *arguments, cwd=folder)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.slow
def test_it_fits_a_terminal_and_loses_no_id(leaking, width):
    long = "a_class_folder_with_a_name_as_long_as_those_of_the_study"
    shutil.copytree(leaking / "train" / "cat", leaking / "train" / long)
    lines = in_terminal("audit", str(leaking), width=width, env=environment())
    assert max(map(len, lines)) <= width
    text = "".join("".join(lines).split())
    for name in ("train/cat/0.png", f"train/{long}/0.png", "test/dog/near.jpg", r"test/dog/a\x1b[2Jb.png"):
        assert name in text


@pytest.mark.slow
def test_names_that_are_no_text_are_shown_escaped(folder):
    name = os.fsdecode(b"\xff.png")
    Image.fromarray(np.asarray(picture(0))).save(folder / "test" / "cat" / name)
    done = run("audit", folder, "--json")
    assert json.loads(done.stdout)["leaked"]["test"] == [f"test/cat/{name}"]
    assert r"test/cat/\udcff.png" in run("audit", folder).stdout
