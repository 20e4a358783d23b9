"""Command lines that must fail, made from the parameters of every command, and what their errors must not say."""

import re
import shlex
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from ensemblekit import Predictions
from ensemblekit.cli import app
from ensemblekit.cli._app import _status_and_line
from ensemblekit.cli._commands import make_command, summaries
from ensemblekit.cli._help import Command

COMMANDS = [*summaries()]
ROWS = "a,0.6,0.4\nb,0.2,0.8\nc,0.7,0.3\nd,0.4,0.6\n"
FILES = {
    "one.csv": f"id,cat,dog\n{ROWS}",
    "two.csv": f"id,cat,dog\n{ROWS.replace('0.7,0.3', '0.1,0.9')}",
    "labels.csv": "id,label\na,cat\nb,dog\nc,cat\nd,dog\n",
    "empty.csv": "",
    "heading.csv": "id,cat,dog\n",
    "text.csv": f"id,cat,dog\n{ROWS.replace('0.6,0.4', 'x,y')}",
    "twice.csv": f"id,cat,dog\n{ROWS.replace('b,', 'a,')}",
    "gaps.csv": f"id,cat,dog\n{ROWS.replace('0.6,0.4', ',')}",
    "others.csv": f"id,cat,dog\n{ROWS.replace('a,', 'z,')}",
    "staged.csv": f"id,cat_T2,dog\n{ROWS}",
    "owls.csv": "id,cat,dog,owl\na,0.5,0.3,0.2\nb,0.2,0.7,0.1\nc,0.5,0.3,0.2\nd,0.2,0.7,0.1\n",
    "sums.csv": f"id,cat,dog\n{ROWS.replace('0.6,0.4', '0.9,0.9')}",
    "bare.csv": "cat,dog\n0.5,0.5\n0.2,0.8\n0.5,0.5\n0.2,0.8\n",
    "mice.csv": "id,label\na,cat\nb,mouse\nc,cat\nd,dog\n",
    "few.csv": "id,label\na,cat\n",
    "rows.csv": "row,label\na,cat\nb,dog\n",
    "groups.csv": "id,group\nz,1\n",
    "weights.csv": "id,weight\na,-1\nb,1\nc,1\nd,1\n",
    "noise.csv": "\x00\x01\x02,\x03\n",
    "photos/cat/a.png": "no image",
}
WRONG = ["nosuch.csv", "folder", *(name for name in FILES if name not in ("one.csv", "two.csv", "labels.csv"))]
BASE = {
    "combine": "one.csv two.csv -o out.csv",
    "choose": "one.csv two.csv --labels labels.csv --rule mean",
    "evaluate": "one.csv --labels labels.csv --metric accuracy",
    "compare": "one.csv two.csv --labels labels.csv --metric accuracy",
    "report": "one.csv two.csv --labels labels.csv --metric accuracy -o out.html",
    "cascade": "one.csv two.csv",
    "rank": "one.csv two.csv -o out.run",
    "predict": "model.keras photos -o out.csv",
    "fuse": "one.keras two.keras --images photos -o out.keras",
    "profile": "model.keras",
    "audit": "photos",
    "cache": "--folder folder",
    "init": "photos",
    "plugins": "mean",
    "check": "nosuch",
    "guide": "",
}
"""A line of each command, to which a wrong file or option is added."""
OTHER_INPUTS = ("photos", "folder", "model.keras", "one.keras", "two.keras")
OUTPUTS = ("output", "save", "html", "plot", "pending", "predictions")
FILE_WORDS = ("FILE", "FOLDER", "PATH", "MODEL", "RUN", "MEMBER", "IMAGES", "QRELS")
VALUES = {
    "METRIC": ["nosuch", "rmse", "wis", "cost", "f1:of=owl", "f1:off=cat", "top_k:k=9"],
    "RULE": ["nosuch", "stacking", "linear_pool", "dawid_skene"],
    "TASK": ["nosuch", "multilabel", "regression", "binary", "quantile"],
    "COLUMN": ["nosuch", "cat"],
    "COLUMN,...": ["nosuch", "cat", "cat=x,dog=x", ","],
    "CLASS": ["nosuch", "x,y,z"],
    "POLICY": ["nosuch", "zero", "renormalize"],
    "NUMBER": ["x", "-1", "9e99"],
    "OLD=NEW": ["x", "cow=cat"],
    "KEY=VALUE": ["x", "nosuch=1", "kind=9"],
    "NAME=NUMBER": ["x", "one=x", "nosuch=1"],
}
OTHERS = ["nosuch"]
RIGHT = {
    "combine": [
        "--alias cow=cat", "--missing zero", "--missing renormalize", "--task multilabel", "--task regression",
        "--task binary",
    ],
    "choose": [
        "--metric cost", "--metric top_k:k=9", "--rule stacking", "--rule linear_pool", "--rule dawid_skene",
        "--smallest 9e99", "--task binary",
    ],
    "evaluate": ["owls.csv", "mice.csv", "--metric cost", "--metric top_k:k=9", "--task binary"],
    "compare": ["--metric cost", "--metric top_k:k=9", "--smallest 9e99", "--unit nosuch", "--task binary"],
    "report": ["--metric cost", "--metric top_k:k=9", "--title nosuch", "--unit nosuch", "--task binary"],
    "audit": ["--alias cow=cat", "--alias cow=dog", "folder", "--html nosuch"],
    "cache": ["--folder folder"],
}  # fmt: skip
"""What a line may have, and be right: an alias for a class that is not there, say, of which only some files know."""
MORE = {
    "combine": [
        "leaking.csv clean.csv -c stacking --fit-on leaking.csv --fit-on clean.csv -o out.csv",
        "tested.csv tested2.csv -c stacking --fit-on tested.csv --fit-on tested2.csv -o out.csv",
        "one.csv two.csv -c stacking -o out.csv",
        "one.csv two.csv -c nosuch -o out.csv",
        "one.csv two.csv -c voting --option kin=hard -o out.csv",
        "one.csv two.csv -c voting --option kind=medium -o out.csv",
        "one.csv two.csv -c trimmed_mean --option proportion=9 -o out.csv",
        "one.csv two.csv -c weighted --option weights=[1,2,3] -o out.csv",
        "prices.csv one.csv -o out.csv",
        "prices.csv -c voting -o out.csv",
        "songs.csv -c stacking -o out.csv",
        "one.csv --load folder -o out.csv",
        "one.csv -o folder --overwrite",
        "one.csv -o nosuch/out.csv",
        "one.csv -o one.csv",
    ],
    "choose": [
        "leaking.csv clean.csv", "tested.csv tested2.csv", "one.csv --labels labels.csv",
        "one.csv two.csv --labels labels.csv --max-cost 1", "one.csv two.csv --labels labels.csv --cost one=1",
        "one.csv two.csv --labels labels.csv --metric f1:of=owl",
        "one.csv two.csv --labels labels.csv -o folder --overwrite",
    ],
    "evaluate": [
        "one.csv", "one.csv --labels labels.csv --metric f1:of=owl", "one.csv --labels labels.csv --metric top_k:kk=2",
        "one.csv --labels labels.csv --metric top_k:k=x", "one.csv --labels labels.csv --metric rmse",
        "prices.csv --labels labels.csv",
        "songs.csv --labels labels.csv",
    ],
    "compare": ["one.csv two.csv --labels labels.csv --against nosuch", "one.csv --labels labels.csv"],
    "report": [
        "one.csv two.csv --labels labels.csv --rule stacking -o out.html",
        "mean=one.csv two.csv --labels labels.csv -o out.html",
        "one.csv two.csv --labels labels.csv -o out.pdf", "one.csv two.csv --labels labels.csv -o folder/out.csv",
    ],
    "cascade": [
        "one.csv two.csv --fit-on leaking.csv --fit-on clean.csv",
        "leaking.csv clean.csv --fit-on leaking.csv --fit-on clean.csv",
        "one.csv --fit-on one.csv", "one.csv two.csv --fit-on clean.csv --fit-on clean.csv --agreement 2",
    ],
    "audit": ["photos --window x", "photos --channels x", "photos --html out.pdf", "photos --frame x", "folder"],
}  # fmt: skip
"""Other lines that must fail."""

CALL = re.compile(r"\b[A-Za-z_][\w.]*\((?!s\))")
ARGUMENT = re.compile(r"(?<![\w:.-])([a-z_]\w*)=(?!\d)|\b\w+=(?:True|False|None|\.\.\.|\[|\{|\(|')")
WORDS = re.compile(
    r"in Python\b|\bensemblekit\.\w|\bkeyword\b|\bTraceback\b|This is a mistake in ensemblekit|\bor None\b|"
    r"of the type \w+\.|\{\w+: \w+\}|\(name, "
)
OPTION = re.compile(r"(?:\b(\w+) )?(?<![\w-])(--[a-z][a-z-]*)")


class Said(NamedTuple):
    """What a command line says."""

    status: int
    error: str
    warnings: list[str]


def write_files(folder):
    """Write the files, right and wrong, that the lines name."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "folder").mkdir()
    (folder / "folder/x.txt").write_text("x")
    Image.new("L", (8, 8)).save(folder / "photos/cat/b.png")
    fields = {"ids": list("abcd"), "classes": ["cat", "dog"], "labels": ["cat", "dog", "cat", "dog"]}
    values = np.array([[0.6, 0.4], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    for name, more in {
        "leaking": {"fit_ids": ["a"]}, "clean": {}, "tested": {"split": "test"}, "tested2": {"split": "test"},
    }.items():  # fmt: skip
        Predictions(values, member=name, **fields, **more).save(folder / f"{name}.csv")
    Predictions(values[:, 0], ids=list("abcd"), classes=["price"], task="regression").save(folder / "prices.csv")
    Predictions(values, ids=list("abcd"), classes=["calm", "loud"], task="multilabel").save(folder / "songs.csv")


def lines(name):
    """List lines of a command with one thing wrong, as they follow from its parameters."""
    base = BASE[name].split()
    for place, word in enumerate(base):
        if (place and base[place - 1] == "-o") or name == "init":
            continue
        for wrong in WRONG if word in FILES else ("nosuch", "empty.csv") if word in OTHER_INPUTS else ():
            yield [*base[:place], wrong, *base[place + 1 :]]
    for one in make_command(name, Command).params:
        if one.param_type_name == "argument" or getattr(one, "is_flag", False):
            continue
        option, metavar = max(one.opts, key=len), one.metavar or ""
        if one.name in OUTPUTS:
            yield from ([*base, option, value] for value in ("nosuch/out.csv", "folder", "one.csv"))
            continue
        for value in WRONG if metavar in FILE_WORDS else VALUES.get(metavar, OTHERS):
            yield [*base, option, value]
    yield [*base, "--nosuch"]
    yield from map(shlex.split, MORE.get(name, ()))


def say(words):
    """Run a line in this process, as the command does."""
    for output in Path.cwd().glob("out.*"):  # of the line before
        output.unlink()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        done = CliRunner().invoke(app, words, standalone_mode=False)
    if done.exception is None:
        return Said(done.return_value or 0, "", [str(one.message) for one in warned])
    status, line = _status_and_line(done.exception)
    return Said(status, line, [str(one.message) for one in warned])


def flaws(name, text):
    """List what is wrong with an error or a warning of a command."""
    bare = re.sub(r"received .*?(?=[.;] |\.$|$)|No such option: \S+| Files: .*|--(?:alias|option) \S+=\S+", "", text)
    found = [f"call {one}" for one in CALL.findall(bare)]
    found += [f"argument {one[0]}" for one in ARGUMENT.finditer(bare)]
    found += [f"word {one}" for one in WORDS.findall(bare)]
    for before, option in OPTION.findall(bare):
        owner = before if before in COMMANDS else name
        if option not in _options(owner):
            found.append(f"option {option} of {owner}")
    return found


def _options(name):
    taken = {"--help", "--version", "--traceback"}
    return taken | {text for one in make_command(name, Command).params for text in (*one.opts, *one.secondary_opts)}
