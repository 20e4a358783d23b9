"""Damage to saved ensembles, seeded: run in a process of its own that reports whatever code or file it touches.

``python -m tests.store_fuzz SAVED SCRATCH N`` prints a JSON line: how many were refused, how many were harmless.
"""

import json
import os
import random
import shutil
import sys
import zipfile
from pathlib import Path

CLASSES = (
    "os:system", "builtins:eval", "subprocess:Popen", "canary_module:Canary", "pathlib:Path", "sklearn.utils:Bunch",
    "ensemblekit.store._save:save", "ensemblekit_plugins.mean:np", "", "no colon", "a:b:c", 7, None, [],
)  # fmt: skip
NAMES = (
    "../outside.npz",
    "/etc/passwd",
    "..\\outside.keras",
    "C:\\x.skops",
    "sub/x.npz",
    "manifest.json",
    ".npz",
    "x.pkl",
    "",
)
VALUES = (None, True, -1, 2**70, 1e308, "x" * 5000, [], {}, {"array": "a999"}, {"same": 99}, {"sklearn": "x.skops"},
          {"keras": "../x.keras"}, {"float": "nan(()"}, {"tuple": 3}, {"dict": [[{"dict": []}, 1]]}, {"unknown": 1},
          {"set": [[1]]}, {"objects": [1], "shape": [10**12]}, {"scalar": "a0", "tuple": []})  # fmt: skip


def nodes(tree, found=None):
    """List every (container, key) of a tree."""
    found = [] if found is None else found
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        found.append((tree, key))
        nodes(value, found)
    return found


def reseal(folder, manifest):
    """Write a manifest with right digests: what someone who means harm would do."""
    from ensemblekit.store._manifest import seal

    manifest = {k: v for k, v in manifest.items() if k != "sha256"}
    (folder / "manifest.json").write_text(seal(manifest), "utf-8", errors="surrogatepass")


def digest(path):
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def spoil_bytes(folder, draw):
    path = draw.choice(sorted(p for p in folder.iterdir() if p.is_file()))
    content = bytearray(path.read_bytes())
    kind = draw.randrange(4)
    if kind == 0:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del content[draw.randrange(len(content)) :]
    elif kind == 2:
        content += draw.randbytes(draw.randrange(1, 50))
    else:
        start = draw.randrange(len(content))
        content[start : start + 8] = draw.randbytes(8)
    path.write_bytes(content)


def spoil_tree(folder, draw):
    manifest = json.loads((folder / "manifest.json").read_text())
    container, key = draw.choice(nodes(manifest))
    kind = draw.randrange(4)
    if kind == 0:
        del container[key]
    elif kind == 1:
        container[key] = draw.choice(VALUES)
    elif kind == 2:
        other, place = draw.choice(nodes(manifest))
        container[key] = json.loads(json.dumps(other[place]))
    else:
        deep = []
        for _ in range(draw.choice((50, 900))):
            deep = [deep]
        container[key] = deep
    try:
        reseal(folder, manifest)
    except (RecursionError, ValueError):
        (folder / "manifest.json").write_text("[" * 10**5)


def spoil_class(folder, draw):
    manifest = json.loads((folder / "manifest.json").read_text())
    classes = [(c, k) for c, k in nodes(manifest) if k == "class"]
    container, key = draw.choice(classes)
    container[key] = draw.choice(CLASSES)
    if draw.random() < 0.3:
        container["distribution"] = draw.choice(("evil", "a b; rm -rf", "../x", 3))
    reseal(folder, manifest)


def spoil_names(folder, draw):
    manifest = json.loads((folder / "manifest.json").read_text())
    name = draw.choice(sorted(manifest["files"]))
    new = draw.choice(NAMES)
    manifest["files"][new] = manifest["files"].pop(name)
    text = json.dumps(manifest).replace(json.dumps(name), json.dumps(new))
    reseal(folder, json.loads(text))


def spoil_files(folder, draw):
    """Something else in place of a file: a pipe, a link, a folder, an archive that leaves or swells."""
    manifest = json.loads((folder / "manifest.json").read_text())
    path = folder / draw.choice([*sorted(manifest["files"]), "manifest.json"])
    kind = draw.randrange(6)
    content = path.read_bytes()
    path.unlink()
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
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if kind == 3 else zipfile.ZIP_STORED) as archive:
        if kind == 3:
            archive.writestr("a0.npy", b"\0" * 10**7)
        elif kind == 4:
            archive.writestr("../../escaped.txt", "out")
            archive.writestr("config.json", "{}")
        else:
            archive.writestr(
                "schema.json", json.dumps({"__class__": "system", "__module__": "os", "__loader__": "TypeNode"})
            )
            archive.writestr("a0.npy", content[:200])
    if path.name in manifest["files"]:
        manifest["files"][path.name] = digest(path)
        reseal(folder, manifest)


def spoil_pickle(folder, draw):
    """An array of objects, which is a pickle that writes a file when it is read."""
    import io

    import numpy as np

    class Harm:
        def __reduce__(self):
            return (open, (str(folder.parent / "canary.txt"), "w"))

    manifest = json.loads((folder / "manifest.json").read_text())
    buffer = io.BytesIO()
    np.save(buffer, np.array([Harm()], dtype=object), allow_pickle=True)
    name = draw.choice(sorted(manifest["files"]))
    with zipfile.ZipFile(folder / name, "w") as archive:
        for k in range(3):
            archive.writestr(f"a{k}.npy", buffer.getvalue())
        archive.writestr("schema.json", buffer.getvalue())
        archive.writestr("config.json", buffer.getvalue())
    manifest["files"][name] = digest(folder / name)
    reseal(folder, manifest)


SPOILERS = (spoil_bytes, spoil_tree, spoil_class, spoil_names, spoil_files, spoil_pickle)


def main(saved, scratch, n, seed=0):
    from ensemblekit import EnsembleKitError
    from ensemblekit.store import load

    (scratch / "canary_module.py").write_text("open('canary.txt', 'w').close()\nclass Canary: pass\n")
    sys.path.insert(0, str(scratch))
    os.chdir(scratch)
    load(saved)  # whatever is imported is imported now
    touched = []
    watching = [False]

    def watch(event, arguments):
        if not watching[0]:
            return
        if event in (
            "os.system",
            "subprocess.Popen",
            "os.exec",
            "os.posix_spawn",
            "os.fork",
            "pty.spawn",
            "socket.connect",
        ):
            touched.append((event, repr(arguments)))
        if event == "import" and arguments[0] == "canary_module":
            touched.append((event, "canary_module"))
        if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            touched.append((event, repr(arguments)))

    sys.addaudithook(watch)
    counts = {"refused": 0, "harmless": 0}
    wrong = []
    for k in range(n):
        draw = random.Random(f"{seed}/{k}")
        folder = scratch / f"case{k}"
        shutil.copytree(saved, folder)
        spoiler = SPOILERS[k % len(SPOILERS)]
        spoiler(folder, draw)
        watching[0] = True
        try:
            load(folder)
            counts["harmless"] += 1
        except EnsembleKitError as error:
            counts["refused"] += 1
            if len(str(error)) < 20:
                wrong.append([k, spoiler.__name__, str(error)])
        except BaseException as error:
            wrong.append([k, spoiler.__name__, repr(error)[:300]])
        finally:
            watching[0] = False
        shutil.rmtree(folder, ignore_errors=True)
    outside = sorted(p.name for p in scratch.iterdir() if p.name not in ("canary_module.py", "outside.bin"))
    print(json.dumps({**counts, "wrong": wrong, "touched": touched, "outside": outside}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
