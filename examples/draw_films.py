"""Draw a small set in the form of sets of chest films: DICOM files of 12 bits, several per patient, and a table."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

FINDINGS = ["cardiomegaly", "effusion", "mass"]
SIDE = 32
ROWS, COLUMNS = np.mgrid[0:SIDE, 0:SIDE]


def draw_films(folder, n_patients=60, seed=0):
    """Write the films and ``films.csv``, a row per film; return the path of the table."""
    rng, folder, rows = np.random.default_rng(seed), Path(folder), []
    for patient in range(n_patients):
        findings = dict(zip(FINDINGS, rng.integers(0, 2, 3).tolist(), strict=True))
        build = rng.normal(0, 1, 4)
        for number in range(rng.integers(1, 4)):
            path = f"p{patient:03}/film{number}.dcm"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_film(folder / path, draw_film(rng, build, **findings), inverted=rng.random() < 0.3)
            rows.append({"path": path, "patient": f"p{patient:03}", **findings})
    pd.DataFrame(rows).to_csv(folder / "films.csv", index=False)
    return folder / "films.csv"


def draw_film(rng, build, *, cardiomegaly, effusion, mass):
    """Draw lungs, a heart and what is found; values from 0 to 4095."""
    film = 2600 + 120 * build[0] + rng.normal(0, 60, (SIDE, SIDE))
    lungs = (9 + build[1] / 2, SIDE - 9 - build[1] / 2)
    inside = np.zeros((SIDE, SIDE), dtype=bool)
    for middle in lungs:
        inside |= ((COLUMNS - middle) / 6) ** 2 + ((ROWS - 16) / (11 + build[2] / 2)) ** 2 < 1
    film[inside] -= 1500
    film[((COLUMNS - 17) / (rng.normal(6.5 if cardiomegaly else 5, 0.5))) ** 2 + ((ROWS - 21) / 6) ** 2 < 1] = 2900
    if effusion:
        film[(23 + rng.normal(0, 1) < ROWS) & (lungs[1] - 7 < COLUMNS)] += rng.uniform(300, 900)
    if mass:
        row, column = rng.uniform(8, 16), lungs[0] + rng.uniform(-2, 2)
        film[(ROWS - row) ** 2 + (COLUMNS - column) ** 2 < 5] += rng.uniform(300, 900)
    return np.clip(film + rng.normal(0, 200, film.shape), 0, 4095).astype(np.uint16)


def write_film(path, film, *, inverted):
    """Write a film; if it is inverted, low values are white, as in many that come from a scanner of films."""
    meta, data = FileMetaDataset(), Dataset()
    meta.MediaStorageSOPClassUID = data.SOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    meta.TransferSyntaxUID, data.file_meta = ExplicitVRLittleEndian, meta
    data.Rows, data.Columns, data.SamplesPerPixel = *film.shape, 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.WindowCenter, data.WindowWidth = (4095 - 2100 if inverted else 2100), 2800
    data.PixelData = (4095 - film if inverted else film).tobytes()
    data.save_as(path, enforce_file_format=True)
