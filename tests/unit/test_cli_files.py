"""Files of predictions on the command line: combined, scored and compared as the functions do it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ensemblekit import AlignmentError, InvalidOptionError, LeakageError, Predictions, combine, fit_combiner
from ensemblekit.cli import app
from ensemblekit.cli._inputs import read_members, with_labels
from ensemblekit.errors import DataError, FolderNotFoundError, InvalidPredictionsError, OutputExistsError
from ensemblekit.evaluation import compare_with_reference, score_table

COMMAND = Path(sys.executable).parent / "ensemblekit"
CLASSES = ("cat", "dog", "owl")
ORDERS = {"cnn": CLASSES, "svm": ("owl", "cat", "dog")}


def draw(prefix, member, n=60, **fields):
    rng = np.random.default_rng(len(member) + len(prefix))
    labels = np.asarray(CLASSES)[np.arange(n) % 3]
    order = rng.permutation(n)
    probas = rng.dirichlet(np.ones(3), n)
    probas[np.arange(n), [ORDERS[member].index(c) for c in labels]] += 0.6
    probas /= probas.sum(axis=1, keepdims=True)
    return Predictions(
        probas[order], ids=[f"{prefix}/{k}" for k in order], classes=ORDERS[member], member=member,
        labels=labels[order], split=prefix, **fields,
    )  # fmt: skip


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for prefix in ("valid", "test"):
        for member, suffix in (("cnn", "parquet"), ("svm", "npz")):
            draw(prefix, member).save(f"{member}.{prefix}.{suffix}")
    return {p.name: Predictions.load(p) for p in tmp_path.iterdir()}


def run(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


TEST = ("cnn.test.parquet", "svm.test.npz")
VALID = ("--fit-on", "cnn.valid.parquet", "--fit-on", "svm.valid.npz")


def test_combine_is_combine(files):
    done = run("combine", *TEST, "-o", "mean.csv")
    assert "2 members, 60 rows, 3 classes: mean.csv" in done.output
    expected = combine([files[n] for n in TEST], "mean")
    got = Predictions.load("mean.csv")
    assert got.ids.tolist() == expected.ids.tolist()
    np.testing.assert_array_equal(got.probas, expected.probas)


def test_a_rule_is_fitted_kept_and_loaded(files):
    rule = ("-c", "weighted", "--option", "metric=brier_score", *VALID, "--save", "rule")
    record = json.loads(run("combine", *TEST, *rule, "-o", "w.npz", "--json").stdout)
    assert record == {
        "output": "w.npz", "combiner": "weighted", "members": ["cnn", "svm"], "n_rows": 60, "left_out": {},
        "classes": list(CLASSES),
        "saved": "rule",
    }  # fmt: skip
    valid = [files["cnn.valid.parquet"], files["svm.valid.npz"]]
    expected = combine([files[n] for n in TEST], fit_combiner(valid, "weighted", metric="brier_score"))
    np.testing.assert_array_equal(Predictions.load("w.npz").probas, expected.probas)
    run("combine", *reversed(TEST), "--load", "rule", "-o", "again.npz")
    again = Predictions.load("again.npz")
    columns = [again.classes.index(c) for c in expected.classes]
    np.testing.assert_array_equal(again.take(expected.ids).probas[:, columns], expected.probas)


@pytest.mark.slow
def test_stdout_is_a_file_too(files):
    done = subprocess.run([COMMAND, "combine", *TEST, "-o", "-"], capture_output=True, text=True)
    assert done.returncode == 0
    Path("piped.csv").write_text(done.stdout)
    np.testing.assert_array_equal(
        Predictions.load("piped.csv").probas, combine([files[n] for n in TEST], "mean").probas
    )


def test_evaluate_is_score_table(files):
    found = json.loads(run("evaluate", *TEST, "--json", "--seed", "3", "--metric", "accuracy").stdout)
    expected = score_table({"cnn": files[TEST[0]], "svm": files[TEST[1]]}, metrics=["accuracy"], seed=3)
    assert found["rows"][0] == {
        "model": "cnn", "row": "cnn", "metric": "accuracy", "value": expected["value"][0], "low": expected["low"][0],
        "high": expected["high"][0], "n": 60, "in_sample": None, "enough": True,
    }  # fmt: skip
    shown = run("evaluate", *TEST).output
    assert "Figures, with 95 % intervals by row" in shown
    assert "balanced_accuracy" in shown


def test_compare_is_compare_with_reference_by_group_too(files):
    Path("groups.csv").write_text("id,group\n" + "".join(f"test/{k},{k // 2}\n" for k in range(60)))
    found = json.loads(run("compare", *TEST, "--json", "--groups", "groups.csv", "--against", "svm").stdout)
    groups = {f"test/{k}": str(k // 2) for k in range(60)}
    rows = {"cnn": files[TEST[0]], "svm": files[TEST[1]]}
    expected = compare_with_reference(rows, "svm", groups=groups)
    assert found["reference"] == "svm"
    assert [line["sentence"] for line in found["rows"]] == expected["sentence"].tolist()
    assert [line["group_low"] for line in found["rows"]] == expected["group_low"].tolist()
    assert {(line["row"], line["row_only"]) for line in found["rows"]} == {("cnn", expected["model_only"][0])}
    shown = run("compare", *TEST, "--unit", "images").output
    assert "Against cnn, with 95 % intervals by row" in shown
    assert "on these 60 images" in shown


def test_labels_come_by_id_from_a_table(files):
    bare = {n: Predictions(p.probas, ids=p.ids, classes=p.classes, member=p.member) for n, p in files.items()}
    for name, p in bare.items():
        p.save(name, overwrite=True)
    with pytest.raises(InvalidPredictionsError, match=r"'cnn' have no labels\. Give --labels FILE"):
        run("evaluate", TEST[0])
    rows = [f"test/{k},{CLASSES[k % 3]}\n" for k in range(60)]
    Path("labels.csv").write_text("id,label\n" + "".join(reversed(rows)))
    value = json.loads(run("evaluate", TEST[0], "--labels", "labels.csv", "--metric", "accuracy", "--json").stdout)
    assert value["rows"][0]["value"] == np.mean(files[TEST[0]].predicted == files[TEST[0]].labels)
    Path("labels.csv").write_text("id,label\n" + "".join(rows[1:]))
    with pytest.raises(DataError, match=r"must have a label for each id; it lacks 1 of 'cnn', first 'test/0'"):
        run("evaluate", TEST[0], "--labels", "labels.csv")
    Path("labels.csv").write_text("id,label\n" + rows[0] + rows[0])
    with pytest.raises(DataError, match="must name each id once; 'test/0' comes twice"):
        run("evaluate", TEST[0], "--labels", "labels.csv")
    Path("labels.csv").write_text("id,truth\n")
    with pytest.raises(
        DataError,
        match=r"id and one column label; beside the ids it has \['truth'\]\. Say which it is: --label truth",
    ):
        run("evaluate", TEST[0], "--labels", "labels.csv")


def test_what_cannot_be_is_refused(files):
    with pytest.raises(LeakageError, match="never fitted on the test split"):
        run("combine", *TEST, "-c", "stacking", "--fit-on", TEST[0], "--fit-on", TEST[1], "-o", "out.csv")
    with pytest.raises(DataError, match=r"there is none at 'no\.csv'"):
        run("combine", "no.csv", "-o", "out.csv")
    with pytest.raises(InvalidOptionError, match=r"called 'cnn' as another is\. Give NAME=FILE"):
        run("combine", TEST[0], TEST[0], "-o", "out.csv")
    with pytest.raises(AlignmentError):
        run("combine", TEST[0], "svm=svm.valid.npz", "-o", "out.csv")
    with pytest.raises(InvalidOptionError, match="both write to stdout"):
        run("combine", *TEST, "-o", "-", "--json")
    with pytest.raises(InvalidOptionError, match="--load brings a fitted rule"):
        run("combine", *TEST, "-o", "out.csv", "--load", "rule", "-c", "median")
    with pytest.raises(InvalidOptionError, match="--save keeps a rule"):
        run("combine", *TEST, "-o", "out.csv", "--save", "rule")
    with pytest.raises(InvalidOptionError, match="--labels are those of the --fit-on rows"):
        run("combine", *TEST, "-o", "out.csv", "--labels", "l.csv")
    with pytest.raises(InvalidOptionError, match="compare needs two files or more"):
        run("compare", TEST[0])
    Path("out.csv").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"'out\.csv' is there already"):
        run("combine", *TEST, "-o", "out.csv")
    assert Path("out.csv").read_text() == "mine"
    run("combine", *TEST, "-o", "out.csv", "--overwrite")
    assert len(Predictions.load("out.csv")) == 60
    assert run("combine", "--nonsense").exit_code == 2


def test_an_output_that_cannot_be_is_refused_before_a_rule_is_kept(files):
    rule = ("-c", "weighted", *VALID, "--save", "rule")
    with pytest.raises(
        InvalidOptionError,
        match=r"must end in \.parquet, .*\.npz, .*\.gz; received 'out\.txt'",
    ):
        run("combine", *TEST, *rule, "-o", "out.txt")
    with pytest.raises(FolderNotFoundError, match=r"'nowhere/out\.csv' does not"):
        run("combine", *TEST, *rule, "-o", "nowhere/out.csv")
    with pytest.raises(AlignmentError):
        run("combine", TEST[0], "svm.valid.npz", *rule, "-o", "out.csv")
    assert not Path("rule").exists()
    Path("rule").mkdir()
    with pytest.raises(OutputExistsError, match=r"'rule' is there already\. .*--overwrite"):
        run("combine", *TEST, *rule, "-o", "out.csv")


def test_an_error_names_the_files(files):
    for command in (("combine", "-o", "out.csv"), ("compare",)):
        with pytest.raises(AlignmentError, match=r"Files: cnn\.test\.parquet, other=svm\.valid\.npz\.$"):
            run(*command, TEST[0], "other=svm.valid.npz")
    with pytest.raises(LeakageError, match=r"Files: cnn\.test\.parquet, svm\.test\.npz\.$"):
        run("combine", *TEST, "-c", "weighted", "--fit-on", TEST[0], "--fit-on", TEST[1], "-o", "out.csv")


def test_leaked_rows_are_refused(files):
    draw("valid", "cnn", fit_ids=["valid/0", "valid/1"]).save("seen.npz")
    with pytest.raises(LeakageError, match=r"'cnn' was fitted on 2 of these 60 rows.* Files: seen\.npz, svm\.valid"):
        run("combine", *TEST, "-c", "weighted", "--fit-on", "seen.npz", "--fit-on", "svm.valid.npz", "-o", "out.csv")
    assert not Path("out.csv").exists()


def test_groups_of_other_rows_and_labels_of_other_classes_are_refused(files):
    Path("groups.csv").write_text("id,group\nelsewhere,1\n")
    for command in (("evaluate", TEST[0]), ("compare", *TEST)):
        with pytest.raises(DataError, match=r"'groups\.csv' must have groups of these rows; it names none"):
            run(*command, "--groups", "groups.csv")
    Path("labels.csv").write_text("id,label\n" + "".join(f"test/{k},fox\n" for k in range(60)))
    with pytest.raises(DataError, match=r"'labels\.csv' must label rows with classes of 'cnn'.*received \['fox'\]"):
        run("evaluate", TEST[0], "--labels", "labels.csv")


def test_labels_from_a_table_keep_absent_rows_absent(files):
    p = files["cnn.valid.parquet"]
    probas = p.probas.copy()
    probas[0] = np.nan
    fields = {"ids": p.ids, "classes": p.classes, "member": "cnn", "missing": "renormalize"}
    Predictions(probas, **fields).save("gap.npz")
    labels = (("gap.npz", "svm.valid.npz"), "valid.csv")
    Path("valid.csv").write_text("id,label\n" + "".join(f"valid/{k},{CLASSES[k % 3]}\n" for k in range(60)))
    rows = with_labels(read_members(labels[0]), Path(labels[1]))
    assert (~rows["cnn"].present).sum() == 1
    assert rows["cnn"].labels is not None


@pytest.mark.slow
def test_stdout_is_utf8_in_any_locale(files):
    Predictions([[1.0, 0.0]], ids=["a"], classes=["hündin", "rüde"], member="cnn").save("one.csv")
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([COMMAND, "combine", "one.csv", "-o", "-"], env=env, capture_output=True)
    assert "proba:hündin" in done.stdout.decode(), done.stderr


def test_large_files_answer_with_the_same_keys(files, monkeypatch):
    from ensemblekit.cli import _combine

    for member in ORDERS:
        draw("test", member).save(f"{member}.parquet")
    command = ("combine", "cnn.parquet", "svm.parquet", "--json", "--overwrite", "-o", "out.parquet")
    small = json.loads(run(*command).stdout)
    monkeypatch.setattr(_combine, "LARGE", 0)
    assert json.loads(run(*command).stdout) == small


def test_a_file_that_the_system_refuses_is_one_line(monkeypatch, capsys):
    from ensemblekit.cli import _app

    def fail(**options):
        raise PermissionError(13, "Permission denied", "cnn.csv")

    monkeypatch.setattr(_app, "app", fail)
    with pytest.raises(SystemExit) as ended:
        _app.main()
    assert (ended.value.code, capsys.readouterr().err) == (1, "ensemblekit: Permission denied: 'cnn.csv'.\n")


@pytest.mark.slow
def test_a_shell_completes_rules_and_files_an_installed_command(tmp_path):
    def complete(*words):
        asked = {"_ENSEMBLEKIT_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
        env = {**os.environ, **asked, "COMP_CWORD": str(len(words) - 1)}
        return subprocess.run([COMMAND], env=env, capture_output=True, text=True, cwd=tmp_path).stdout.split()

    assert complete("ensemblekit", "combine", "--combiner", "me") == ["mean", "median", "meta_des"]
    assert complete("ensemblekit", "check", "cust") == ["custom_cnn"]
    assert {"combine", "compare"} <= set(complete("ensemblekit", "com"))


def show_completion(shell):
    # Otherwise the script is that of the shell that the tests were started from.
    env = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    return subprocess.run([COMMAND, "--show-completion", shell], env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("shell", "line"), [("zsh", "#compdef ensemblekit"), ("fish", "complete --command ensemblekit")]
)
def test_other_shells_have_their_script(shell, line):
    done = show_completion(shell)
    assert done.stdout.startswith(line), done.stderr


def test_a_completion_imports_nothing_heavy():
    code = """
import os, sys
os.environ |= {"_ENSEMBLEKIT_COMPLETE": "complete_bash", "COMP_WORDS": "ensemblekit check me", "COMP_CWORD": "2"}
sys.argv = ["ensemblekit"]
from ensemblekit.cli import main
try:
    main()
except SystemExit:
    print(sorted({"tensorflow", "keras", "sklearn", "scipy", "pandas", "pyarrow", "duckdb"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split()[:2] == ["mean", "median"], done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_bash_itself_completes(tmp_path):
    script = show_completion("bash")
    assert script.returncode == 0, script.stderr
    (tmp_path / "complete.sh").write_text(script.stdout)
    test = """
source complete.sh
COMP_WORDS=(ensemblekit combine --combiner stack); COMP_CWORD=3
$(complete -p ensemblekit | sed -E 's/.*-F ([^ ]+).*/\\1/') ensemblekit stack --combiner
echo "${COMPREPLY[@]}"
"""
    env = {**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", test], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "stacking", done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.slow
def test_a_full_disk_is_one_line(tmp_path):
    (tmp_path / "a.csv").write_text("id,cat,dog\nx,0.5,0.5\n")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "combine", tmp_path / "a.csv", "-o", "-"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "ensemblekit: No space left on device. Make room, or write elsewhere.\n"
