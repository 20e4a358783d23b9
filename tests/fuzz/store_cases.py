"""Damage to saved folders, and forgeries of them: what is loaded is as it was saved, or refused, and runs nothing."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ensemblekit import EnsembleKitError, Predictions, combine
from ensemblekit.errors import StoreError
from ensemblekit.store import load
from ensemblekit.store._manifest import seal
from tests.fuzz.harness import edited

SAVED = sorted(path for path in (Path(__file__).parents[1] / "unit" / "data" / "saved").iterdir() if path.is_dir())
CLASSES = (
    "os:system", "builtins:eval", "subprocess:Popen", "canary_module:Canary", "pathlib:Path", "sklearn.utils:Bunch",
    "ensemblekit.store._save:save", "ensemblekit_plugins.combiners.mean:np", "", "no colon", "a:b:c", 7, None, [],
    "ensemblekit:x", "ensemblekit.__main__:x", "ensemblekit.cli._main:x", "ensemblekit.files:os.path",
    "sklearn.conftest:pytest", "sklearn.cluster._kmeans:KMeans", "sklearn.svm._classes:SVC",
    "ensemblekit_plugins.kernels.blocks:Scratch",
    "ensemblekit.predictions._predictions:Predictions", "sklearn:linear_model",
)  # fmt: skip
NAMES = (
    "../outside.npz", "/etc/passwd", "..\\outside.keras", "C:\\x.skops", "sub/x.npz", "manifest.json", ".npz", "x.pkl",
    "", "a" * 5000 + ".npz", "a\0.npz", "\ud800.npz", ".", "/dev/zero",
)  # fmt: skip
VALUES = (None, True, -1, 2**70, 10**400, 1e308, "x" * 5000, "\0", "\ud800", [], {}, {"array": "a999"}, {"same": 99},
          {"sklearn": "x.skops"}, {"keras": "../x.keras"}, {"float": "nan(()"}, {"float": 1}, {"tuple": 3},
          {"dict": [[{"dict": []}, 1]]}, {"unknown": 1}, {"set": [[1]]}, {"objects": [1], "shape": [10**12]},
          {"objects": [], "shape": [0, 10**12]}, {"scalar": "a0", "tuple": []}, {"bunch": [[1, 2]]},
          {"frozenset": [{"array": "a0"}]}, {"class": "ensemblekit_plugins.combiners.mean:Mean"})  # fmt: skip


def nodes(tree: Any, found: list[Any] | None = None) -> list[Any]:
    """List every (container, key) of a tree."""
    found = [] if found is None else found
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        found.append((tree, key))
        nodes(value, found)
    return found


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def reseal(folder: Path, manifest: dict[str, Any], *, digests: bool = False) -> None:
    """Write a manifest with right digests: what someone who means harm would do."""
    manifest = {k: v for k, v in manifest.items() if k != "sha256"}
    if digests:
        manifest["files"] = {name: digest(folder / name) for name in manifest["files"]}
    (folder / "manifest.json").write_text(seal(manifest), "utf-8", errors="surrogatepass")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def spoil_tree(folder: Path, draw: random.Random) -> None:
    manifest = read(folder)
    container, key = draw.choice(nodes(manifest))
    match draw.randrange(5):
        case 0:
            del container[key]
        case 1:
            container[key] = draw.choice(VALUES)
        case 2:
            other, place = draw.choice(nodes(manifest))
            container[key] = json.loads(json.dumps(other[place]))
        case 3 if isinstance(container, dict):
            container[draw.choice(("class", "array", "number", "state", "files", "x"))] = container.pop(key)
        case _:
            deep: Any = []
            for _ in range(draw.choice((50, 400, 900))):
                deep = draw.choice(([deep], {"tuple": [deep]}, {"dict": [[1, deep]]}))
            container[key] = deep
    try:
        reseal(folder, manifest)
    except (RecursionError, ValueError):
        (folder / "manifest.json").write_text("[" * 10**5)


def spoil_class(folder: Path, draw: random.Random) -> None:
    manifest = read(folder)
    container, key = draw.choice([(c, k) for c, k in nodes(manifest) if k == "class"])
    container[key] = draw.choice(CLASSES)
    if draw.random() < 0.3:
        container["distribution"] = draw.choice(("evil", "a b; rm -rf", "../x", 3))
    reseal(folder, manifest)


def spoil_names(folder: Path, draw: random.Random) -> None:
    manifest = read(folder)
    name = draw.choice(sorted(manifest["files"]))
    new = draw.choice(NAMES)
    manifest["files"][new] = manifest["files"].pop(name)
    text = json.dumps(manifest).replace(json.dumps(name), json.dumps(new))
    reseal(folder, json.loads(text))


def spoil_files(folder: Path, draw: random.Random) -> None:
    """Something else in place of a file: a pipe, a socket, a link, a folder, an archive that leaves or swells."""
    manifest = read(folder)
    path = folder / draw.choice([*sorted(manifest["files"]), "manifest.json"])
    content = path.read_bytes()
    path.unlink()
    kind = draw.randrange(8)
    if kind == 0:
        os.mkfifo(path)
        return
    if kind == 1:
        path.mkdir()
        return
    if kind == 2:
        outside = folder.parent / "outside.bin"
        outside.write_bytes(content)
        path.symlink_to(outside)
        return
    if kind == 3:
        path.symlink_to("/dev/zero")
        return
    if kind == 4:
        with path.open("wb") as file:
            file.truncate(2**40)
        return
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if kind == 5 else zipfile.ZIP_STORED) as archive:
        if kind == 5:
            archive.writestr("a0.npy", b"\0" * 10**7)
        elif kind == 6:
            archive.writestr("../../escaped.txt", "out")
            archive.writestr("config.json", "{}")
        else:
            archive.writestr(
                "schema.json", json.dumps({"__class__": "system", "__module__": "os", "__loader__": "TypeNode"})
            )
            archive.writestr("a0.npy", content[:200])
    if path.name in manifest["files"]:
        reseal(folder, manifest, digests=True)


def entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def spoil_entry(folder: Path, draw: random.Random) -> None:
    """Edit what is in an archive, its headers and its schema among it, and seal all anew."""
    manifest = read(folder)
    path = folder / draw.choice(sorted(manifest["files"]))
    held = entries(path)
    name = draw.choice(sorted(held))
    kind = draw.randrange(6)
    if kind == 0:
        held[name] = edited(draw, held[name])
    elif kind == 1:
        huge = draw.choice(((10**12,), (2**40, 2**40), (-1,), (2**62, 4), (10**9, 0)))
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": huge})
        held[name] = buffer.getvalue() + held[name][:100]
    elif kind == 2:
        held[draw.choice(sorted(held))] = held[name]
    elif kind == 3:
        held[draw.choice(("x.npy", "../x.npy", "a" * 60000, "/x", "schema.json"))] = held[name]
    elif kind == 4:
        del held[name]
    elif "schema.json" in held:
        schema = json.loads(held["schema.json"])
        container, key = draw.choice(nodes(schema))
        other, place = draw.choice(nodes(schema))
        container[key] = draw.choice((other[place], None, 2**40, "os", "system", "numpy", "ufunc", [], {}))
        held["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in held.items():
            archive.writestr(entry, content)
        if draw.random() < 0.2:
            archive.comment = b"x" * draw.choice((3, 60000))
    if draw.random() < 0.2:
        path.write_bytes(draw.randbytes(draw.choice((3, 5000))) + path.read_bytes())
    reseal(folder, manifest, digests=True)


def spoil_pickle(folder: Path, draw: random.Random) -> None:
    """An array of objects, which is a pickle that writes a file when it is read."""

    class Harm:
        def __reduce__(self) -> Any:
            return (open, (str(folder.parent / "canary.txt"), "w"))

    manifest = read(folder)
    buffer = io.BytesIO()
    np.save(buffer, np.array([Harm()], dtype=object), allow_pickle=True)
    name = draw.choice(sorted(manifest["files"]))
    with zipfile.ZipFile(folder / name, "w") as archive:
        for k in range(3):
            archive.writestr(f"a{k}.npy", buffer.getvalue())
        archive.writestr("schema.json", buffer.getvalue())
        archive.writestr("config.json", buffer.getvalue())
    reseal(folder, manifest, digests=True)


def spoil_bytes(folder: Path, draw: random.Random) -> None:
    """Edit a file, and seal it anew."""
    manifest = read(folder)
    path = folder / draw.choice(sorted(manifest["files"]))
    path.write_bytes(edited(draw, path.read_bytes()))
    reseal(folder, manifest, digests=True)


def swap_files(folder: Path, draw: random.Random) -> None:
    """Take a file of another folder, and seal all anew."""
    manifest = read(folder)
    path = folder / draw.choice(sorted(manifest["files"]))
    others = [p for other in SAVED for p in other.iterdir() if p.suffix in (path.suffix, ".npz")]
    shutil.copyfile(draw.choice(others), path)
    reseal(folder, manifest, digests=True)


FORGERS: tuple[Callable[[Path, random.Random], None], ...] = (
    spoil_bytes, spoil_tree, spoil_class, spoil_names, spoil_files, spoil_entry, spoil_pickle, swap_files,
)  # fmt: skip


def damaged(number: int) -> str | None:
    """Edit a byte or a few of a saved folder, or take a file of another one: it is refused."""
    draw = random.Random(f"damaged {number}")
    with tempfile.TemporaryDirectory() as scratch:
        source = draw.choice(SAVED)
        folder = Path(scratch) / "saved"
        shutil.copytree(source, folder)
        path = draw.choice(sorted(folder.iterdir()))
        before = path.read_bytes()
        if draw.random() < 0.1:
            others = [p for other in SAVED for p in other.iterdir() if p.suffix == path.suffix]
            path.write_bytes(draw.choice(others).read_bytes())
        else:
            path.write_bytes(edited(draw, before))
        if path.read_bytes() == before:
            return None
        try:
            load(folder)
        except StoreError as error:
            return None if len(str(error)) > 20 else f"says only {error}"
        return f"a change of {path.name} of {source.name} was not noticed"


@cache
def watched() -> list[str]:
    """Begin to write down what is run, imported and written while `WATCHING` holds something."""
    # Whatever is imported is imported now.
    for folder in SAVED:
        use(load(folder))
    touched: list[str] = []
    runs = {"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn", "socket.connect"}

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not WATCHING:
            return
        imported = event == "import" and str(arguments[0]).startswith(("canary_module", "ensemblekit", "sklearn.te"))
        written = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if written and "/ensemblekit." in str(arguments[0]):
            return  # the copy that Keras reads
        if event in runs or imported or written:
            touched.append(f"{event} {arguments!r}"[:200])

    sys.addaudithook(watch)
    return touched


WATCHING: list[bool] = []
"""Holds something while what is loaded is watched."""


def use(made: Any) -> None:
    """Predict with what was loaded."""
    rng = np.random.default_rng(0)
    if hasattr(made, "predict_proba"):
        made.predict_proba(rng.uniform(0, 5, (12, 4)))
    elif hasattr(made, "combine"):
        probas = rng.dirichlet([1, 1, 1], (3, 8))
        combine(
            [
                Predictions(p, ids=list("abcdefgh"), classes=["class0", "class1", "class2"], member=name)
                for name, p in zip(("cnn", "svm", "tree"), probas, strict=True)
            ],
            made,
        )


def forged(number: int) -> str | None:
    """Do what a stranger could, with right digests: it is refused, or it is harmless, also when it predicts."""
    return attempt(SAVED, FORGERS[number % len(FORGERS)], number)


def attempt(sources: list[Path], forge: Callable[[Path, random.Random], None], number: int) -> str | None:
    draw = random.Random(f"{forge.__name__} {number}")
    with tempfile.TemporaryDirectory() as scratch:
        touched = watched()
        touched.clear()
        folder = Path(scratch) / "saved"
        shutil.copytree(draw.choice(sources), folder)
        forge(folder, draw)
        (Path(scratch) / "canary_module.py").write_text("class Canary: pass\n")
        sys.path.insert(0, scratch)
        WATCHING.append(True)
        try:
            made = load(folder)
        except EnsembleKitError as error:
            if len(str(error)) < 20:
                return f"{forge.__name__} says only {error}"
        else:
            with contextlib.suppress(Exception):  # a stranger's numbers may be wrong in any way
                use(made)
        finally:
            WATCHING.clear()
            sys.path.remove(scratch)
        known = {"saved", "canary_module.py", "outside.bin"}
        touched += [f"left {p.name}" for p in Path(scratch).iterdir() if p.name not in known]
        return f"{forge.__name__} touched {touched}" if touched else None


def unpickled(number: int) -> str | None:
    """Forge a pickle for a store that reads pickles: to be noticed, or the watch is blind."""
    real = np.load
    np.load = lambda file, allow_pickle=False: real(file, allow_pickle=True)  # type: ignore[assignment]
    from ensemblekit.store import _load

    _load.check_archive = lambda name, file: None  # type: ignore[assignment]
    return attempt(SAVED, spoil_pickle, number)
