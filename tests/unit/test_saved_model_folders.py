"""A SavedModel is replaced only where it is the one that we wrote, by names that TensorFlow gives."""

import hashlib
import json

import pytest

from ensemblekit.errors import OutputExistsError
from ensemblekit.fusion.formats import format_of

OURS = {"classes": [], "members": [], "files": ["saved_model.pb", "variables/variables.index"]}


def lay(folder, about, graph=b"ours"):
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "variables").mkdir()
    (folder / "variables" / "variables.index").touch()
    (folder / "saved_model.pb").write_bytes(graph)
    (folder / "assets.extra" / "ensemblekit.json").write_text(json.dumps(about))
    return folder


def replace(folder):
    with format_of(folder).new(folder, True) as made:
        (made / "saved_model.pb").write_text("new")


@pytest.mark.parametrize("about", [{}, {"sha256": hashlib.sha256(b"ours").hexdigest()}], ids=["earlier", "now"])
def test_one_of_ours_is_replaced(about, tmp_path):
    replace(lay(tmp_path / "m", OURS | about))
    assert [p.name for p in (tmp_path / "m").rglob("*")] == ["saved_model.pb"]


def test_another_model_that_was_saved_over_ours_is_not_replaced(tmp_path):
    folder = lay(tmp_path / "m", OURS | {"sha256": hashlib.sha256(b"ours").hexdigest()}, b"theirs")
    with pytest.raises(OutputExistsError, match="replaces a SavedModel of ensemblekit only"):
        replace(folder)
    assert (folder / "saved_model.pb").read_bytes() == b"theirs"


@pytest.mark.parametrize("name", ["thesis.tex", "src/app.js", "assets/deep/er", "variables/mine/x", "saved_model.pb2"])
def test_a_list_of_names_makes_no_file_ours(name, tmp_path):
    folder = lay(tmp_path / "m", OURS | {"files": [*OURS["files"], name]})
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    with pytest.raises(OutputExistsError, match="holds also"):
        replace(folder)
    assert (folder / name).read_text() == "mine"
