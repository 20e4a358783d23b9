"""A user's folders, full of files named as ours are, and every public door that deletes or replaces something."""

import json
import os
import random
import shutil
import stat
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ensemblekit import EnsembleKitError, FeatureBank, Predictions, load_plugins, predict_images
from ensemblekit.features._bank_folder import collection_folder
from ensemblekit.features._keys import row_keys
from ensemblekit.features._session import BankSession
from ensemblekit.files._folder import marker_for
from ensemblekit.files._staging import staging_prefix
from ensemblekit.fusion.formats import format_of
from ensemblekit.predicting import Predictor
from ensemblekit.report import to_csv
from ensemblekit.scaling import combine_files
from ensemblekit.store import save

ABOUT = {
    "backbone": "plain", "fingerprint": "f", "input_shape": [8, 8, 3], "precision": "float32", "augmentation": None,
    "augmentation_fingerprint": None,
}  # fmt: skip
OTHER = ABOUT | {"fingerprint": "another"}
OURS = json.dumps(ABOUT | {"format": 1}).encode()
IDS = ["a", "b", "c"]
MODEL = Predictor("m", ("cat", "dog"), (8, 8, 3), "0" * 64, lambda x: np.tile([0.25, 0.75], (len(x), 1)))
FILES = (
    ".lock", "shelf.json", "manifest.json", "plan.json", "written.json", ".ensemblekit", "0000000.json",
    "0000000-0.parquet", "arrays.npz", "saved_model.pb", "fingerprint.pb", "new", "new.parquet", "old", "scratch",
    "ensemblekit.json", "thesis.tex", "0" * 32 + ".features", "x.features", "." + "0" * 32 + ".abcdefgh.features",
    ".plan.abcdefgh.json", "ids-0", "variables.index", "keras0.keras",
)  # fmt: skip
INNER = ("assets.extra", "variables", "assets", "member-0", "combined", "thesis", "scratch", "new", "old")


def predictions(member, n=3):
    return Predictions(np.tile([0.25, 0.75], (n, 1)), ids=IDS[:n], classes=["cat", "dog"], member=member)


def contents(rng, names):
    """Contents that a user's file of such a name can have; among them what we write, for other folders than this."""
    sealed = json.dumps({"format": 1, "sha256": "0" * 64})
    return rng.choice(
        [
            b"", b"{}", b"[]", b"null", b"0", b"my thesis", b"\xff\x00", b'{"format": 1}', sealed.encode(), b"[" * 9999,
            OURS, json.dumps(OTHER | {"format": 1, "fingerprint": 3}).encode(),
            json.dumps({"format": 1, "files": dict.fromkeys(names, "")}).encode(),
            json.dumps({"classes": [], "name": "mine"}).encode(),
            json.dumps({"model": "m", "images": "0" * 64}).encode(),
            json.dumps({"n_rows": 1, "unreadable": {}}).encode(),
            *(marker_for(kind, "elsewhere.parquet") for kind in ("parts", "joining", "output", "scratch")),
        ]
    )  # fmt: skip


def fill(rng, folder, depth=0):
    folder.mkdir()
    names = rng.sample(FILES, rng.randint(1, 7))
    for name in names:
        kind = rng.random()
        if kind < 0.7:
            (folder / name).write_bytes(contents(rng, names))
        elif kind < 0.8:
            (folder / name).symlink_to(rng.choice(["../precious", "../precious/keep.txt", "nowhere", "."]))
        elif kind < 0.9:
            os.mkfifo(folder / name)
        else:
            (folder / name).mkdir()
    if depth < 2:
        for name in rng.sample(INNER, rng.randint(0, 2)):
            if not os.path.lexists(folder / name):
                fill(rng, folder / name, depth + 1)


def put(rng, path):
    """Lay something of a user's where we may want to make something."""
    kind = rng.random()
    if kind < 0.6:
        fill(rng, path)
    elif kind < 0.75:
        path.symlink_to(rng.choice(["precious", "precious/keep.txt", "mine", "nowhere"]))
    elif kind < 0.9:
        path.write_bytes(contents(rng, []))
    else:
        os.mkfifo(path)


def ours_and_more(rng, path):
    """What we made there, and in it something of the user's."""
    if path.suffix or path.is_symlink() or path.exists():
        return
    with suppress(EnsembleKitError):
        save(load_plugins().create_combiner("weighted", weights={"a": np.float64(1)}), path)
        put(rng, path / rng.choice(["README.md", ".DS_Store", "keras9.keras", "notes"]))


def snapshot(root):
    found = {}
    for path in [root, *root.rglob("*")]:
        state = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(state.st_mode) else None
        target = path.readlink() if path.is_symlink() else None
        found[path.relative_to(root).as_posix()] = (stat.S_IFMT(state.st_mode), content, target)
    return found


def use_bank(rng, root):
    bank = FeatureBank(root / rng.choice(["bank", "mine"]), max_bytes=rng.choice([300, 10**6]))
    with BankSession(bank, ABOUT) as session:
        keys = row_keys(np.array(["k1", "k2"]), None)
        if session.find(keys).missing.all():
            session.store(keys, np.ones((2, 3), np.float32))
    bank.collections()
    bank.others()
    if rng.random() < 0.7:
        bank.clear()


def save_ensemble(rng, root):
    save(load_plugins().create_combiner("mean"), root / rng.choice(["mine", "bank", "out", "linked"]), overwrite=True)


def export(rng, root):
    with format_of(Path("model")).new(root / rng.choice(["mine", "out", "linked"]), True) as folder:
        (folder / "saved_model.pb").write_text("a model")


def write_file(rng, root):
    if rng.random() < 0.5:
        predictions("m").save(root / "out.parquet", overwrite=True)
    else:
        to_csv(pd.DataFrame({"a": [1]}), root / rng.choice(["mine", "linked"]))


def combine(rng, root):
    options = {"overwrite": rng.random() < 0.7}
    if rng.random() < 0.5:
        options["folder"] = root / "elsewhere"
    combine_files([root / "a.parquet", root / rng.choice(["b.parquet", "c.parquet"])], "mean", root / "out.parquet",
                  missing=rng.choice(["error", "renormalize"]), **options)  # fmt: skip


def predict(rng, root):
    options = {name: True for name in ("resume", "overwrite") if rng.random() < 0.5}
    predict_images(MODEL, root / "images", root / "out.parquet", **options)


DOORS = (use_bank, save_ensemble, export, write_file, combine, predict)


def case(number, doors=DOORS):
    """Run a few doors over a user's folders; say what of the user's is gone or changed."""
    rng = random.Random(number)
    root = Path(tempfile.mkdtemp())
    try:
        return attack(rng, root, doors)
    finally:
        shutil.rmtree(root)


def attack(rng, root, doors):
    (root / "precious").mkdir()
    (root / "precious" / "keep.txt").write_text("keep")
    for name in ("images", "bank", "elsewhere"):
        (root / name).mkdir()
    for k in range(2):
        Image.fromarray(np.full((8, 8, 3), 80 * k, np.uint8)).save(root / "images" / f"{k}.png")
    predictions("a").save(root / "a.parquet", overwrite=True)
    predictions("b").save(root / "b.parquet", overwrite=True)
    predictions("c").take(IDS[::-1]).save(root / "c.parquet", overwrite=True)
    shelf = collection_folder(root / "bank", ABOUT)
    workplace = root / f"{staging_prefix('out.parquet')}0000"
    targets = [
        root / "mine", root / "out", root / "linked", root / ".out.parquet.parts", root / ".out.parquet.joining",
        root / "out.parquet", root / "out.unreadable.csv", shelf, root / "bank" / "thesis", root / "bank" / ("0" * 32),
        workplace,
    ]  # fmt: skip
    for path in rng.sample(targets, rng.randint(2, 8)):
        (ours_and_more if rng.random() < 0.15 else put)(rng, path)
    note = shelf / "shelf.json"
    if shelf.is_dir() and not shelf.is_symlink() and note.is_file() and note.read_bytes() == OURS:
        note.write_bytes(b"{}")  # it would be ours, word for word
    before = snapshot(root)
    # A regular file that is named as the output is what the user wants to have replaced.
    free = {"out.parquet", "mine", "linked"}
    free |= {os.path.relpath(os.path.realpath(root / name), root) for name in free if (root / name).is_symlink()}
    for door in rng.sample(doors, rng.randint(1, len(doors))):
        with warnings.catch_warnings(), suppress(EnsembleKitError):
            warnings.simplefilter("ignore")
            door(rng, root)
    after = snapshot(root)
    lost = []
    for name, (kind, content, target) in before.items():
        now = after.get(name)
        replaced = name in free and kind == stat.S_IFREG and now is not None and now[0] == kind
        if now != (kind, content, target) and not replaced:
            lost.append(f"{name}: {(content or target or oct(kind))!r:.40} became {now!r:.60}")
    # A bank may be given as a link: then its shelves come to be where it leads.
    new_outside = [
        name
        for name in after.keys() - before.keys()
        if name.startswith("precious/") and not name.startswith(f"precious/{shelf.name}")
    ]
    return "; ".join([*lost, *(f"{name} came to be" for name in new_outside)]) or None
