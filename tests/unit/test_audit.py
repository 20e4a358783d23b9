"""An audit finds every copy, leak, conflict and unreadable file that was planted, and no other."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from ensemblekit import InvalidOptionError, audit_images, image_splits
from ensemblekit.data import Audit, read_image
from ensemblekit.errors import DataError, FolderNotFoundError
from tests.strangers import REPO

STUDY = Path(os.environ.get("ENSEMBLEKIT_DATA", REPO.parent / "shared")) / "data" / "chest-ctscan"
needs_study = pytest.mark.skipif(not STUDY.is_dir(), reason=f"the images of the study are not at {STUDY}")


def picture(seed, size=(90, 120)):
    """Draw blobs: like a photograph it has its power in the low frequencies."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1))


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two images a class and split, all different."""
    for place, split in enumerate(("train", "valid", "test")):
        for code, name in enumerate(("cat", "dog")):
            for k in range(2):
                save(picture(100 * place + 10 * code + k), tmp_path / "pets" / split / name / f"{k}.png")
    return tmp_path / "pets"


def opened(folder, name):
    with Image.open(folder / name) as image:
        return image.convert("RGB")


def test_nothing_is_found_where_there_is_nothing(folder):
    audit = audit_images(folder)
    assert isinstance(audit, Audit)
    assert audit.splits == ("train", "valid", "test")
    assert audit.ids.tolist() == [f"{s}/{c}/{k}.png" for s in audit.splits for c in ("cat", "dog") for k in range(2)]
    assert audit.equal_groups == audit.cross_split_groups == audit.label_conflicts == []
    assert audit.leaked == audit.near_leaked == {"valid": [], "test": []}
    assert len(audit.near_pairs) == 0
    assert audit.groups == {name: place for place, name in enumerate(audit.ids.tolist())}
    assert audit.counts == {s: {"cat": 2, "dog": 2} for s in audit.splits}
    assert audit.imbalance == dict.fromkeys(audit.splits, 1.0)
    assert "No two images are equal or near copies of each other." in audit.summary


def byte_copy(image, path):
    shutil.copy(image.filename, path.with_suffix(".png"))


def other_format(image, path):
    save(image.convert("RGB"), path.with_suffix(".bmp"))


def other_alpha(image, path):
    rgba = image.convert("RGB")
    rgba.putalpha(Image.fromarray(np.random.default_rng(0).integers(0, 256, image.size[::-1], dtype=np.uint8)))
    save(rgba, path.with_suffix(".png"))


def other_orientation_tag(image, path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(image.convert("RGB"), path.with_suffix(".png"), exif=exif)


def link(image, path):
    path.with_suffix(".png").symlink_to(image.filename)


@pytest.mark.parametrize("copy", [byte_copy, other_format, other_alpha, other_orientation_tag, link])
def test_equal_pixels_in_a_later_split_leak_whatever_the_file_is(folder, copy):
    with Image.open(folder / "train" / "cat" / "0.png") as image:
        copy(image, folder / "test" / "cat" / "é 副本")
    audit = audit_images(folder)
    (group,) = audit.cross_split_groups
    assert group[0] == "train/cat/0.png"
    assert group[1].startswith("test/cat/é 副本.")
    assert audit.equal_groups == [group]
    assert audit.leaked == {"valid": [], "test": [group[1]]}
    assert audit.near_leaked == {"valid": [], "test": []}
    assert audit.label_conflicts == []
    assert audit.groups[group[0]] == audit.groups[group[1]]
    assert audit.n_byte_copies == (copy in (byte_copy, link))
    assert "1 of 5 test images have pixels that stand in train or valid." in audit.summary


def test_equal_pixels_of_grey_and_palette_are_those_that_models_see(folder):
    grey = opened(folder, "train/cat/0.png").convert("L")
    save(grey, folder / "train" / "cat" / "grey.png")
    save(grey.convert("RGB"), folder / "valid" / "cat" / "rgb.png")
    save(grey.convert("P"), folder / "test" / "cat" / "palette.png")
    audit = audit_images(folder)
    group = ["train/cat/grey.png", "valid/cat/rgb.png", "test/cat/palette.png"]
    assert audit.cross_split_groups == [group]
    assert audit.leaked == {"valid": group[1:2], "test": group[2:]}
    np.testing.assert_array_equal(*(read_image(audit.paths[name], (9, 9)) for name in group[::2]))
    assert set(audit.images["mode"]) == {"RGB", "L", "P"}


def test_copies_within_one_split_are_no_leak(folder):
    shutil.copy(folder / "test" / "cat" / "0.png", folder / "test" / "cat" / "again.png")
    audit = audit_images(folder)
    assert audit.equal_groups == [["test/cat/0.png", "test/cat/again.png"]]
    assert audit.cross_split_groups == []
    assert not any(audit.leaked.values())


def test_the_same_values_in_another_shape_are_not_equal(tmp_path):
    flat = Image.new("RGB", (40, 20), "white")
    save(flat, tmp_path / "pets" / "cat" / "wide.png")
    save(flat.transpose(Image.Transpose.ROTATE_90), tmp_path / "pets" / "cat" / "tall.png")
    audit = audit_images(tmp_path / "pets")
    assert audit.equal_groups == []
    assert len(audit.near_pairs) == 0  # of one grey: nothing to compare


def as_jpeg(image, path):
    save(image, path.with_suffix(".jpg"), quality=60)


def smaller(image, path):
    save(image.resize((70, 50), Image.Resampling.BICUBIC), path.with_suffix(".png"))


def brighter(image, path):
    save(ImageEnhance.Brightness(image).enhance(1.1), path.with_suffix(".png"))


@pytest.mark.parametrize("change", [as_jpeg, smaller, brighter])
def test_near_copies_are_found_and_shown_with_their_distance(folder, change):
    change(opened(folder, "train/dog/1.png"), folder / "test" / "dog" / "near")
    audit = audit_images(folder)
    (pair,) = audit.near_pairs.itertuples(index=False)
    assert (pair.first, pair.second.partition(".")[0]) == ("train/dog/1.png", "test/dog/near")
    assert 0 <= pair.distance <= 32
    assert pair.correlation >= 0.99
    assert audit.equal_groups == []
    assert audit.leaked == {"valid": [], "test": []}
    assert audit.near_leaked == {"valid": [], "test": [pair.second]}
    groups = audit.groups
    assert groups[pair.first] == groups[pair.second]
    assert len(set(groups.values())) == len(audit) - 1
    strict = audit.group(min_correlation=1.0)
    assert len(set(strict.values())) == len(audit)


def test_near_copies_of_equal_copies_leak_too(folder):
    shutil.copy(folder / "train" / "cat" / "0.png", folder / "valid" / "cat" / "copy.png")
    as_jpeg(opened(folder, "train/cat/0.png"), folder / "valid" / "cat" / "near")
    shutil.copy(folder / "valid" / "cat" / "near.jpg", folder / "test" / "cat" / "near.jpg")
    audit = audit_images(folder)
    assert audit.leaked == {"valid": ["valid/cat/copy.png"], "test": ["test/cat/near.jpg"]}
    assert audit.near_leaked == {"valid": ["valid/cat/near.jpg"], "test": []}
    assert len({audit.groups[i] for i in ("train/cat/0.png", "valid/cat/copy.png", "test/cat/near.jpg")}) == 1


def test_equal_pixels_under_two_classes_are_a_conflict(folder):
    shutil.copy(folder / "train" / "cat" / "0.png", folder / "train" / "dog" / "not a dog.png")
    audit = audit_images(folder)
    assert audit.label_conflicts == [["train/cat/0.png", "train/dog/not a dog.png"]]
    assert audit.cross_split_groups == []


def test_class_folders_with_other_names_are_no_conflict(folder):
    (folder / "test" / "cat").rename(folder / "test" / "cat_T2")
    shutil.copy(folder / "train" / "cat" / "0.png", folder / "test" / "cat_T2" / "copy.png")
    audit = audit_images(folder)
    assert audit.proposed_aliases == {"cat_T2": "cat"}
    assert audit.aliases == audit_images(folder, aliases={"no folder here": "x"}).aliases == {}
    assert audit.label_conflicts == []
    assert audit.leaked["test"] == ["test/cat_T2/copy.png"]
    assert audit.counts["test"] == {"cat": 3, "dog": 2}
    assert any("'cat_T2' for 'cat'" in sentence for sentence in audit.summary)
    given = audit_images(folder, aliases={"cat_T2": "felis", "cat": "felis"})
    assert (given.proposed_aliases, given.label_conflicts) == ({}, [])
    apart = audit_images(folder, aliases={"cat_T2": "lynx"})
    assert apart.label_conflicts == [["train/cat/0.png", "test/cat_T2/copy.png"]]
    assert "test has no image of the class 1 ('cat')." in apart.summary


def test_no_file_is_lost(folder):
    cat = folder / "train" / "cat"
    (cat / "cut.png").write_bytes((cat / "0.png").read_bytes()[:300])
    (cat / "text.png").write_text("no image")
    (cat / "empty.png").touch()
    (cat / "notes.txt").write_text("no image either")
    (cat / "gone.png").symlink_to(folder / "nowhere.png")
    (cat / "loop").symlink_to(folder)
    os.mkfifo(cat / "pipe.png")
    save(Image.fromarray(np.ones((4, 4), dtype=np.float32)), cat / "float.tif")
    save(picture(1000), cat / "deeper" / "still" / "there.png")
    save(picture(1001), folder / "test" / "loose.png")
    (cat / ".hidden").touch()
    audit = audit_images(folder)
    assert {name.rpartition("/")[2]: why for name, why in audit.unreadable.items()} == {
        "cut.png": audit.unreadable["train/cat/cut.png"],
        "empty.png": "it is empty",
        "float.tif": audit.unreadable["train/cat/float.tif"],
        "gone.png": f"a link to '{folder}/nowhere.png', where nothing is",
        "loop": "a link to a folder, which is not followed",
        "notes.txt": "its name has no ending of an image (.bmp, .dcm, .dicom, .gif, .jpeg, .jpg, .nii, .nii.gz, .npy, "
        ".png, .tif, .tiff, .webp)",
        "pipe.png": "no file, but a pipe, a socket or a device",
        "text.png": "no image, whatever its name says",
    }
    assert "truncated" in audit.unreadable["train/cat/cut.png"]
    assert "mode 'F', 32 bits a channel, does not say which value is white" in audit.unreadable["train/cat/float.tif"]
    assert audit.labels["train/cat/deeper/still/there.png"] == "cat"
    assert audit.labels["test/loose.png"] is None
    assert audit.counts["test"] == {"cat": 2, "dog": 2, "": 1}
    assert len(audit) == 14


def test_a_folder_of_class_folders_is_one_split(folder):
    shutil.copy(folder / "train" / "cat" / "0.png", folder / "train" / "cat" / "copy.png")
    audit = audit_images(folder / "train")
    assert audit.splits == ("train",)
    assert audit.equal_groups == [["train/cat/0.png", "train/cat/copy.png"]]
    assert (audit.cross_split_groups, audit.leaked) == ([], {})
    assert audit_images(folder, splits=()).counts == {"pets": {"test": 4, "train": 5, "valid": 4}}


def test_splits_are_found_by_name_and_ordered_by_use(folder):
    (folder / "valid").rename(folder / "Validation")
    (folder / "train").rename(folder / "fold_1")
    assert audit_images(folder).splits == ("Validation", "test", "fold_1")
    assert audit_images(folder, splits=["test", "fold_1"]).splits == ("test", "fold_1")
    with pytest.raises(
        FolderNotFoundError, match=r"lacks valid\. It holds the folders \['Validation', 'fold_1', 'test"
    ):
        audit_images(folder, splits=["valid"])


def test_pixels_are_handed_out_as_they_are_decoded(folder):
    seen, told = {}, []
    chosen = ["test/cat/0.png", "train/dog/1.png"]
    audit = audit_images(folder, ids=chosen, visit=seen.__setitem__, progress=lambda *step: told.append(step))
    assert sorted(seen) == sorted(audit.ids) == chosen
    np.testing.assert_array_equal(seen["test/cat/0.png"], read_image(folder / "test/cat/0.png", (90, 120)))
    assert told == [(1, 2), (2, 2)]


def test_ids_are_those_of_image_splits(folder):
    ids = np.concatenate([split.ids for split in image_splits(folder).values()])
    assert audit_images(folder).ids.tolist() == ids.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_distance": 200}, "max_distance must be a whole number of bits from 0 to 126; received 200"),
        ({"max_distance": 2.5}, "received 2.5"),
        ({"min_correlation": 0}, r"min_correlation must lie in \(0, 1\]; received 0"),
    ],
)
def test_thresholds_are_checked(folder, options, message):
    with pytest.raises(InvalidOptionError, match=message):
        audit_images(folder, **options)
    with pytest.raises(InvalidOptionError, match=message):
        audit_images(folder).group(**options)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(FolderNotFoundError, match=r"nothing is at '.*nowhere'"):
        audit_images(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"must hold files; .* holds none"):
        audit_images(tmp_path)


def test_nothing_but_broken_files_is_an_audit_too(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_text("no image")
    audit = audit_images(tmp_path)
    assert (len(audit), audit.groups, len(audit.near_pairs)) == (0, {}, 0)
    json.dumps(audit.to_dict())


@pytest.mark.slow
@needs_study
def test_every_copy_and_conflict_of_the_study_is_found():
    pixels = {}
    for path in sorted(STUDY.glob("*/*/*")):
        with Image.open(path) as image:
            rgb = np.asarray(image.convert("RGB"))
        pixels.setdefault((rgb.shape, rgb.tobytes()), set()).add(path.relative_to(STUDY).as_posix())
    expected = [ids for ids in pixels.values() if len(ids) > 1]
    # The class folders of test are the beginnings of those of train.
    classes = [{i.split("/")[1].split("_")[0] for i in ids} for ids in expected]
    splits = [{i.split("/")[0] for i in ids} for ids in expected]
    audit = audit_images(STUDY)

    def same(found, wanted):
        return sorted(map(sorted, found)) == sorted(map(sorted, wanted))

    assert same(audit.equal_groups, expected)
    assert same(audit.cross_split_groups, [e for e, s in zip(expected, splits, strict=True) if len(s) > 1])
    assert same(audit.label_conflicts, [e for e, c in zip(expected, classes, strict=True) if len(c) > 1])
    assert {name: len(ids) for name, ids in audit.leaked.items()} == {"valid": 10, "test": 46}
    assert (len(audit.equal_groups), len(audit.cross_split_groups), len(audit.label_conflicts)) == (59, 22, 1)
    assert (
        "46 of 315 test images have pixels that stand in train or valid; 1 more with a near copy there."
        in audit.summary
    )
    assert json.loads(json.dumps(audit.to_dict())) == json.loads(json.dumps(audit_images(STUDY).to_dict()))
