"""Which images are listed: hidden ones are not, and links are followed down to class folders."""

import pytest

from ensemblekit.data.listing import list_images, split_of, walk
from ensemblekit.errors import DataError, FolderNotFoundError


def write(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def listed(*images):
    return [None if found is None else (found.id, found.folder) for found in list_images(images)]


@pytest.fixture
def pets(tmp_path):
    """Splits; in the first a class is a link, and so is a folder in the other class."""
    write(tmp_path / "elsewhere" / "3.png", tmp_path / "pets" / "train" / "cat" / "1.png")
    (tmp_path / "pets" / "train" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pets" / "train" / "cat" / "linked").symlink_to(tmp_path / "elsewhere")
    write(tmp_path / "pets" / "train" / ".hidden" / "4.png", tmp_path / "pets" / "train" / "cat" / ".5.png")
    write(tmp_path / "pets" / "train" / "cat" / "6.csv", tmp_path / "pets" / "train" / "cat" / "deep" / "7.jpg")
    return tmp_path / "pets"


IDS = ["train/cat/1.png", "train/cat/deep/7.jpg", "train/cat/linked", "train/dog/3.png"]


@pytest.mark.parametrize("given", [".", "train"], ids=["root", "split"])
def test_a_root_and_a_split_list_the_same_images_under_the_same_ids(pets, given):
    found = listed(pets / given)
    assert [one for one in found if one] == [(name, name.split("/")[1]) for name in IDS]
    assert found.count(None) == 1


def test_a_split_of_links_is_a_data_root(pets, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "test").symlink_to(pets / "train")
    assert [one[0] for one in listed(tmp_path / "other") if one] == [name.replace("train", "test") for name in IDS]
    assert split_of([tmp_path / "other"]) is None
    assert split_of([pets / "train"]) == "train"
    assert split_of([pets / "train", pets / "train"]) is None


def test_a_list_and_a_file_name_images_as_they_were_given(pets, monkeypatch):
    monkeypatch.chdir(pets)
    (pets / "some.txt").write_text("train/cat/1.png\n\ntrain/cat/6.csv\r\n")
    assert listed("some.txt", "train/cat/6.csv") == [
        ("train/cat/1.png", None),
        ("train/cat/6.csv", None),
        ("train/cat/6.csv", None),
    ]
    (pets / "some.txt").write_text("x" * (2**16 + 1))
    with pytest.raises(DataError, match=r"must have a path a line; '.*some\.txt' has a longer one"):
        listed("some.txt")
    with pytest.raises(FolderNotFoundError, match="nothing is at 'none'"):
        listed("none")


def test_a_walk_goes_through_hidden_folders_and_through_no_link_unless_it_is_told(pets):
    names = {path.relative_to(pets).as_posix() for path in walk(pets / "train")}
    assert names == {
        "train/.hidden/4.png", "train/cat/.5.png", "train/cat/1.png", "train/cat/6.csv", "train/cat/deep/7.jpg",
        "train/cat/linked", "train/dog",
    }  # fmt: skip
    through = {path.relative_to(pets).as_posix() for path in walk(pets / "train", follow=2)}
    assert through == names - {"train/dog", "train/cat/linked"} | {"train/dog/3.png", "train/cat/linked/3.png"}
