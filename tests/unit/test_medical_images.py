"""DICOM and NIfTI files are shown as they say, or as they are asked for."""

import sys

import numpy as np
import pytest

from ensemblekit import image_folder
from ensemblekit.data import ImageReader, read_image
from ensemblekit.errors import ImageReadingWarning, MissingDependencyError, UnreadableImageError

pydicom = pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")

VALUES = np.array([[0, 1000, 2000], [3000, 4000, 4095]], dtype=np.uint16)
WHOLE = VALUES.astype(np.float64)


def write(path, values, *, colours="MONOCHROME2", bits=12, syntax="1.2.840.10008.1.2.1", **more):
    """Write a DICOM file: frames of ``(rows, columns)``, or one."""
    from pydicom.dataset import Dataset, FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = values.shape[-2:] if colours != "RGB" else values.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = (3 if colours == "RGB" else 1), colours
    if colours == "RGB":
        data.PlanarConfiguration = 0
    data.BitsAllocated, data.BitsStored, data.HighBit = (8 if bits == 8 else 16), bits, bits - 1
    data.PixelRepresentation = int(values.dtype.kind == "i")
    if values.ndim == 3 and colours != "RGB":
        data.NumberOfFrames = len(values)
    data.PixelData = values.tobytes()
    for name, value in more.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def grey(path, **options):
    read = read_image(path, reader=ImageReader(**options) if options else None)
    assert (read[..., 0] == read[..., 2]).all()
    return read[..., 0]


# DICOM.


def test_a_film_without_a_window_shows_all_that_its_bits_hold(tmp_path):
    path = write(tmp_path / "a.dcm", VALUES)
    np.testing.assert_allclose(grey(path), WHOLE * 255 / 4095, rtol=1e-6)
    with pytest.raises(UnreadableImageError, match="a DICOM file without a window does not say which value is white"):
        grey(path, window="file")
    inverted = write(tmp_path / "b.dcm", VALUES, colours="MONOCHROME1")
    np.testing.assert_allclose(grey(inverted), 255 - WHOLE * 255 / 4095, rtol=1e-5)


@pytest.mark.parametrize(("form", "low", "high"), [("LINEAR", 999, 2998), ("LINEAR_EXACT", 999, 2999)])
def test_the_window_of_a_file_is_its_own(tmp_path, form, low, high):
    window = {"WindowCenter": [1999, 9], "WindowWidth": [2000, 9], "VOILUTFunction": form}
    path = write(tmp_path / "a.dcm", VALUES, **window)
    expected = np.clip((WHOLE - low) / (high - low), 0, 1) * 255
    np.testing.assert_allclose(grey(path), expected, rtol=1e-5)
    np.testing.assert_allclose(grey(path, window="file"), expected, rtol=1e-5)
    np.testing.assert_allclose(grey(path, window="bits"), WHOLE * 255 / 4095, rtol=1e-6)
    np.testing.assert_allclose(grey(path, window=(2000, 4000)), np.clip(WHOLE / 4000, 0, 1) * 255, rtol=1e-6)


@pytest.mark.parametrize("name", ["MR_small.dcm", "CT_small.dcm"])
@pytest.mark.parametrize("form", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_the_windows_are_those_of_pydicom(tmp_path, name, form):
    data = pydicom.dcmread(pydicom.data.get_testdata_file(name, download=False))
    data.WindowCenter, data.WindowWidth, data.VOILUTFunction = 600, 900, form
    data.save_as(tmp_path / "a.dcm")
    rescaled = pydicom.pixels.apply_modality_lut(data.pixel_array, data)
    shown = pydicom.pixels.apply_voi_lut(rescaled, data)
    signed, bits = int(data.PixelRepresentation), int(data.BitsStored)
    ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1], dtype=np.float64)
    ends = ends * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))
    expected = (shown - ends[0]) / (ends[1] - ends[0]) * 255
    np.testing.assert_allclose(grey(tmp_path / "a.dcm"), expected, atol=1e-3)


def test_values_are_rescaled_before_they_are_windowed(tmp_path):
    ct = {"RescaleSlope": 1, "RescaleIntercept": -1024, "bits": 16}
    path = write(tmp_path / "a.dcm", VALUES.astype(np.int16), **ct)
    expected = np.clip((WHOLE - 1024.0 - (40 - 200)) / 400, 0, 1) * 255
    np.testing.assert_allclose(grey(path, window=(40, 400)), expected, rtol=1e-5)
    path = write(tmp_path / "b.dcm", VALUES, RescaleSlope=0.5, RescaleIntercept=10)
    np.testing.assert_allclose(grey(path, window=(1010, 2000)), np.clip(WHOLE / 4000, 0, 1) * 255, rtol=1e-5)
    np.testing.assert_allclose(grey(path), WHOLE * 255 / 4095, rtol=1e-5)


@pytest.mark.parametrize("slope", [0, -0.0])
def test_a_file_without_a_slope_is_named(tmp_path, slope):
    path = write(tmp_path / "a.dcm", VALUES, RescaleSlope=slope, RescaleIntercept=10)
    with pytest.raises(UnreadableImageError, match=r"a\.dcm.* with RescaleSlope -?0 and .* no grey levels"):
        read_image(path)


def test_a_table_of_a_file_is_used(tmp_path):
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 8], (np.arange(4096) // 16)[::-1].astype(int).tolist()
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    path = write(tmp_path / "a.dcm", VALUES, VOILUTSequence=Sequence([table]))
    np.testing.assert_array_equal(grey(path), (4095 - WHOLE) // 16)


def test_frames_have_windows_of_their_own(tmp_path):
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    def group(centre):
        window, one = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth, window.VOILUTFunction = centre, 1000, "LINEAR_EXACT"
        one.FrameVOILUTSequence = Sequence([window])
        return one

    both = np.stack([VALUES, VALUES])
    each = Sequence([group(500), group(1500)])
    path = write(tmp_path / "a.dcm", both, PerFrameFunctionalGroupsSequence=each)
    with pytest.raises(UnreadableImageError, match="it holds 2 frames, and one is an image"):
        grey(path)
    np.testing.assert_allclose(grey(path, frame=0)[0], [0, 255, 255])
    np.testing.assert_allclose(grey(path, frame=1)[0], [0, 0, 255])
    with pytest.raises(UnreadableImageError, match="its frames have windows of their own"):
        read_image(path, reader=ImageReader(frame=(0, 1, 1)))
    read = read_image(path, reader=ImageReader(frame=(0, 1, 1), window=(1000, 2000)))
    np.testing.assert_allclose(read[0, :, 1], [0, 127.5, 255])


def test_colours_and_bytes_stay(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    path = write(tmp_path / "a.dcm", colours, colours="RGB", bits=8)
    np.testing.assert_array_equal(read_image(path), colours)
    path = write(tmp_path / "b.dcm", colours[..., 0], bits=8)
    assert read_image(path).dtype == np.uint8
    np.testing.assert_array_equal(grey(path), colours[..., 0])


def test_a_dark_film_of_16_bits_is_warned_of(tmp_path):
    path = write(tmp_path / "a.dcm", np.arange(4000, dtype=np.uint16).reshape(40, 100), bits=16)
    with pytest.warns(ImageReadingWarning, match="keeps 17 of the 4000 grey levels of its file, as its file says no"):
        read_image(path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-6])


def deflate(path):
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    data.save_as(path)


def claim(path):
    data = pydicom.dcmread(path)
    data.Rows = data.Columns = 60000
    data.save_as(path)


def empty(path):
    data = pydicom.dcmread(path)
    del data.PixelData
    data.save_as(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (cut, "is not: "),
        (deflate, "a deflated DICOM file, which is not read"),
        (claim, "an image of 60000 x 60000 pixels must take at most"),
        (empty, "a DICOM file without pixels"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_files_are_refused_in_one_line(tmp_path, change, text):
    path = write(tmp_path / "a.dcm", VALUES)
    change(path)
    with pytest.raises(UnreadableImageError, match=text):
        read_image(path)


def test_class_folders_of_films_are_read(tmp_path):
    for name in ("x/cat/1.dcm", "x/dog/IM0001"):
        (tmp_path / name).parent.mkdir(parents=True)
        write(tmp_path / name, VALUES)
    images = image_folder(tmp_path / "x", size=(2, 3), reader=ImageReader(suffixes=[""]))
    np.testing.assert_allclose(images.load()[1][1, ..., 0], WHOLE * 255 / 4095, rtol=1e-6)


@pytest.mark.parametrize("package", ["pydicom", "nibabel"])
def test_what_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch, package):
    path = write(tmp_path / "a.dcm", VALUES)
    if package == "nibabel":
        path = tmp_path / "a.nii"
        nibabel.save(nibabel.Nifti1Image(VALUES.astype(np.int16)[..., None], np.eye(4)), path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"needs {package}, which is not installed: pip install"):
        read_image(path)


# NIfTI.

TURNS = ["RAS", "LPS", "LAI", "ASR", "SPL", "PIR"]


@pytest.mark.parametrize("codes", TURNS)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_slice_of_a_volume_is_turned_as_in_a_dicom_file(tmp_path, codes, suffix):
    """``volume[x, y, z]`` runs to the left, the back and the head; a picture of it has rows y and columns x."""
    volume = np.random.default_rng(0).integers(-1000, 1000, (3, 4, 5)).astype(np.int16)
    lps = nibabel.Nifti1Image(volume, np.diag([-1, -1, 1, 1]))
    turn = nibabel.orientations.ornt_transform(
        nibabel.orientations.io_orientation(lps.affine), nibabel.orientations.axcodes2ornt(tuple(codes))
    )
    path = tmp_path / f"a{suffix}"
    nibabel.save(lps.as_reoriented(turn), path)
    for k in (0, 4):
        expected = np.clip((volume[:, :, k].T + 1000) / 2000, 0, 1) * 255
        np.testing.assert_allclose(grey(path, frame=k, window=(0, 2000)), expected, atol=1e-3)


def test_a_volume_is_shown_by_its_own_range_or_not_at_all(tmp_path):
    volume = nibabel.Nifti1Image(VALUES.astype(np.float32)[..., None], np.diag([-1, -1, 1, 1]))
    nibabel.save(volume, tmp_path / "a.nii")
    with pytest.raises(UnreadableImageError, match="a NIfTI file without cal_min and cal_max does not say which value"):
        read_image(tmp_path / "a.nii")
    volume.header["cal_min"], volume.header["cal_max"] = 1000, 3000
    nibabel.save(volume, tmp_path / "b.nii")
    np.testing.assert_allclose(grey(tmp_path / "b.nii"), np.clip((WHOLE.T - 1000.0) / 2000, 0, 1) * 255, atol=1e-4)


def test_the_channels_of_a_volume_stand_last(tmp_path):
    volume = np.random.default_rng(0).integers(0, 100, (3, 4, 2, 4)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([-1, -1, 1, 1])), tmp_path / "a.nii.gz")
    read = read_image(tmp_path / "a.nii.gz", reader=ImageReader(window=(50, 100), frame=1, channels=(3, 0)))
    expected = volume[:, :, 1].swapaxes(0, 1)[..., [3, 0]] / 100 * 255
    np.testing.assert_allclose(read, expected, atol=1e-4)


def test_a_volume_that_claims_too_much_is_refused(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((30000, 30000, 3))
    header.set_data_dtype(np.int16)
    header["magic"], header["vox_offset"] = b"n+1", 352
    (tmp_path / "a.nii").write_bytes(header.binaryblock + bytes(4))
    with pytest.raises(UnreadableImageError, match=r"a NIfTI file of shape .* must take at most"):
        read_image(tmp_path / "a.nii", reader=ImageReader(window=(0, 1), frame=0))
