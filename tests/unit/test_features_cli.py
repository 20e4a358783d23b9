"""`ensemblekit cache`, run as a user runs it."""

import json
import os
import time

import pytest

from ensemblekit import AffineViews, FeatureBank, extract_features
from ensemblekit.cli._screen import age_of, size_of
from tests.plain_backbone import PlainBackbone, make_images
from tests.strangers import environment
from tests.unit.test_cli import in_terminal, run


@pytest.fixture
def bank(tmp_path):
    bank = FeatureBank(tmp_path / "ensemblekit" / "features")
    extract_features(PlainBackbone(fingerprint="[b]01234567"), make_images(5), bank=bank)
    extract_features(PlainBackbone(), make_images(5), augmentation=AffineViews(), n_views=3, bank=bank)
    for path in bank.folder.glob("*/*.features"):
        os.utime(path, ns=(time.time_ns() - 3 * 3600 * 10**9,) * 2)
    return bank


def test_it_shows_each_shelf_and_fits_a_narrow_terminal(bank, tmp_path):
    lines = in_terminal("cache", width=80, env=environment(ENSEMBLEKIT_CACHE=str(tmp_path)))
    assert max(map(len, lines[1:])) <= 80
    shown = [" ".join(line.split()) for line in lines if line.strip()]
    assert shown[0] == f"Feature bank {bank.folder}"
    assert shown[1] == "Backbone and views Pixels Rows Size Last used"
    assert "plain plain 8 x 8 15 560 bytes 3 hours ago" in shown
    assert "plain [b]01234 8 x 8 5 272 bytes 3 hours ago" in shown
    assert "AffineViews(flip='horizontal', rotation=0.2, zoom=0.2, seed=0)" in " ".join(shown)
    assert shown[-1] == "832 bytes, of at most 2.1 GB."


def test_json_is_for_programs(bank):
    done = run("cache", "--json", "--folder", bank.folder)
    record = json.loads(done.stdout)
    assert (record["folder"], record["n_bytes"], record["max_bytes"]) == (str(bank.folder), bank.n_bytes, 2 * 2**30)
    shelves = {shelf["fingerprint"]: shelf for shelf in record["shelves"]}
    assert shelves["plain"]["rows"] == 15
    assert shelves["plain"]["augmentation"] == repr(AffineViews())
    assert shelves["[b]01234567"]["input_shape"] == [8, 8, 3]


@pytest.mark.slow
def test_it_clears_the_bank_and_says_what_is_free_now(bank):
    done = run("cache", "--clear", "--folder", bank.folder)
    assert (done.returncode, done.stdout) == (0, f"2 of 2 collections removed, 832 bytes freed in {bank.folder}.\n")
    assert run("cache", "--folder", bank.folder).stdout == f"Feature bank {bank.folder}\nEmpty, of at most 2.1 GB.\n"
    cleared = json.loads(run("cache", "--clear", "--json", "--folder", bank.folder).stdout)
    assert cleared == {
        "folder": str(bank.folder), "shelves_removed": 0, "bytes_freed": 0, "in_use": [], "not_its_own": [],
    }  # fmt: skip


def test_a_bank_that_is_not_there_yet_is_empty(tmp_path):
    done = run("cache", env=environment(ENSEMBLEKIT_CACHE=str(tmp_path / "none")))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "Empty, of at most 2.1 GB.")
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_a_folder_that_is_none_is_an_error_of_a_line(tmp_path):
    (tmp_path / "file").touch()
    for name, message in (("nope", "--folder must be the folder of a feature bank"), ("file", "must be a folder; ")):
        done = run("cache", "--folder", tmp_path / name)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
        assert message in done.stderr


def test_sizes_and_ages_are_read_by_people():
    assert [size_of(n) for n in (0, 999, 1000, 12_345_678, 5 * 10**12)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "12.3 MB",
        "5.0 TB",
    ]
    ages = [age_of(seconds) for seconds in (-5, 59, 60, 7200, 86400 * 2.5)]
    assert ages == ["just now", "just now", "1 minute ago", "2 hours ago", "2 days ago"]
