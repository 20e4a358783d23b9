"""Files as people have them: submissions of each task, in the separators and marks of their programs."""

import gzip
import re
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemblekit import Predictions, align, combine
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.predictions.tables import ReadOptions, spelled, split_columns


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def read(tmp_path, text, **options):
    return Predictions.load(write(tmp_path / "p.csv", text), **options)


# Names of columns.


@pytest.mark.parametrize(
    ("names", "row"),
    [
        (["id", "image_id", "x"], "id"),
        (["x", "Id", "y"], "Id"),
        (["ID", "x", "y"], "ID"),
        (["image_id", "x", "y"], "image_id"),
        (["PassengerId", "x", "y"], "PassengerId"),
        (["rowID", "x", "y"], "rowID"),
    ],
)
def test_the_column_of_the_ids_is_recognised(names, row):
    assert split_columns(names).id == row


@pytest.mark.parametrize("names", [["COVID", "x"], ["x", "image_id", "y"], ["file", "x"], ["orchid", "x"], ["", "x"]])
def test_a_column_that_may_be_a_class_is_taken_for_no_id(names):
    with pytest.raises(InvalidPredictionsError, match=rf"must have a column 'id'; .* name it: id='{names[0]}'"):
        split_columns(names)
    assert split_columns([*names, "z"], ReadOptions(id=names[0])).id == names[0]


def test_a_name_that_is_none_of_the_table_is_told_with_the_one_that_is_near():
    for option in ("id", "label", "columns"):
        with pytest.raises(InvalidPredictionsError, match=rf"{option} must name a column .*mean 'Target'\?"):
            split_columns(["id", "x", "y", "Target"], ReadOptions(**{option: "target"}))


def test_labels_and_values_are_told():
    found = split_columns(["file", "x", "y", "z", "truth"], ReadOptions(id="file", label="truth", columns=["y", "x"]))
    assert (found.id, found.label, found.values) == ("file", "truth", {"y": "y", "x": "x"})
    assert split_columns(["id", "Label", "x", "y"]).label == "Label"
    assert split_columns(["id", "label", "x"], ReadOptions(columns=["label", "x"])).values == {
        "label": "label",
        "x": "x",
    }
    assert split_columns(["id", "p1", "p2"], ReadOptions(columns={"p1": "cat", "p2": 3})).values == {
        "p1": "cat",
        "p2": 3,
    }


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", ["id", "label", "cat"])
def test_two_columns_of_one_name_are_refused_by_every_reader(suffix, name, tmp_path):
    path = tmp_path / f"p{suffix}"
    names = ["id", "label", "cat", "dog", name]
    cells = ["a", "cat", 0.75, 0.25, "b"]
    if suffix == ".csv":
        write(path, ",".join(names) + "\n" + ",".join(map(str, cells)) + "\n")
    else:
        pq.write_table(pa.Table.from_arrays([pa.array([cell]) for cell in cells], names), path)
    for options in ({}, {"columns": ["cat", "dog"]}, {"edited": True}):
        with pytest.raises(InvalidPredictionsError, match=rf"a name of its own; .* repeated: \['{name}'\]"):
            Predictions.load(path, **options)


def test_a_remedy_is_spelled_as_in_the_call_that_failed(tmp_path):
    path = write(tmp_path / "p.csv", "file,cat,dog\na,0.5,0.5\n")
    other = write(tmp_path / "q.csv", "id,p\na,0.5\n")
    for call in (Predictions.load, align, lambda path: align([path]), lambda path: align({"m": path})):
        with pytest.raises(InvalidPredictionsError, match="name it: id='file'"):
            call(path)
    with pytest.raises(InvalidPredictionsError, match=r"name it: read=\{'id': 'file'\}"):
        combine([path], "mean")
    with spelled("command"), pytest.raises(InvalidPredictionsError, match="name it: --id file"):
        align(path)
    with spelled("command"), pytest.raises(InvalidPredictionsError, match=r"--positive yes; .* --task regression"):
        align(other)
    saved = tmp_path / "saved.csv"
    Predictions([[0.5, 0.5]], ids=[1], classes=["x", "y"]).save(saved)
    write(saved, saved.read_text().replace("0.5,0.5", "0.4,0.6"))
    with pytest.raises(InvalidPredictionsError, match=r"take it as it is: read=\{'edited': True\}"):
        combine([saved], "mean")
    assert combine([saved], "mean", read={"edited": True}).probas.tolist() == [[0.4, 0.6]]


# Tasks.


def test_a_regression_table(tmp_path):
    p = read(tmp_path, "Id,SalePrice\n1,208500\n2,181500.5\n", task="regression")
    assert (p.task, p.classes, p.ids.tolist()) == ("regression", ("SalePrice",), [1, 2])
    assert p.probas.tolist() == [[208500], [181500.5]]
    p = read(tmp_path, "id,y,truth\n1,2.5,3\n2,4,4\n", task="regression", label="truth")
    assert p.labels.tolist() == [[3], [4]]
    p = read(tmp_path, "id,a,b,ta,tb\n1,2,3,4,5\n", task="regression", label={"tb": "b", "ta": "a"}, columns=["b", "a"])
    assert (p.classes, p.labels.tolist()) == (("b", "a"), [[5, 4]])
    assert read(tmp_path, "id,label\n1,2.5\n", task="regression").classes == ("label",)


@pytest.mark.parametrize(
    ("positive", "classes"),
    [("yes", ("not yes", "yes")), (1, (0, 1)), (True, (False, True)), (("no", "yes"), ("no", "yes")), (0, (1, 0))],
)
def test_one_column_of_probabilities_of_a_binary_task(positive, classes, tmp_path):
    p = read(tmp_path, "id,p\na,0.25\nb,1\n", positive=positive)
    assert p.classes == classes
    assert p.probas.tolist() == [[0.75, 0.25], [0, 1]]


def test_one_column_says_what_it_may_be(tmp_path):
    with pytest.raises(InvalidPredictionsError, match=r"positive='yes'; .*: label='p'; .*: task='regression'\."):
        read(tmp_path, "id,p\na,0.25\n")
    with pytest.raises(InvalidPredictionsError, match=r"is for a table with one column .*columns=\['p'\]"):
        read(tmp_path, "id,p,q\na,0.25,1\n", positive="yes")
    with pytest.raises(InvalidPredictionsError, match="received the task 'regression'"):
        read(tmp_path, "id,p\na,0.25\n", positive="yes", task="regression")
    for wrong in ("", ("a", "a"), ("a", 1), 0.5, ("a", "b", "c")):
        with pytest.raises(InvalidOptionError, match="positive must name the class"):
            read(tmp_path, "id,p\na,0.25\n", positive=wrong)
    with pytest.raises(InvalidPredictionsError, match=r"must lie in \[0, 1\]"):
        read(tmp_path, "id,p\na,1.25\n", positive="yes")


def test_a_multilabel_table(tmp_path):
    p = read(tmp_path, "image_id,cat,dog\na,0.9,0.8\nb,0,1\n", task="multilabel")
    assert (p.task, p.probas.tolist()) == ("multilabel", [[0.9, 0.8], [0, 1]])
    with pytest.raises(InvalidPredictionsError, match="task='multilabel' if the classes do not exclude each other"):
        read(tmp_path, "image_id,cat,dog\na,0.9,0.8\nb,0,1\n")


def test_hard_votes(tmp_path):
    one = write(tmp_path / "one.csv", "Id,Label\na,cat\nb,dog\n")
    two = write(tmp_path / "two.csv", "id,label\nb,bird\na,cat\n")
    three = write(tmp_path / "three.csv", "id,answer\na,cat\nb,cat\n")
    p = Predictions.load(one)
    assert (p.classes, p.probas.tolist(), p.labels) == (("cat", "dog"), [[1, 0], [0, 1]], None)
    aligned = align(one, two)
    assert aligned.classes == ("cat", "dog", "bird")
    assert aligned.member_probas.tolist() == [[[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 1]]]
    with pytest.raises(
        InvalidPredictionsError, match=r"three\.csv': votes must name at least two classes; .*align\(paths"
    ):
        Predictions.load(three, label="answer")
    numbers = read(tmp_path, "id,label\na,10\nb,9\n")
    assert numbers.classes == ("9", "10")
    pd.DataFrame({"id": ["a", "b"], "label": pd.Categorical(["x", "y"])}).to_parquet(tmp_path / "v.parquet")
    assert Predictions.load(tmp_path / "v.parquet").predicted.tolist() == ["x", "y"]


def test_a_row_without_a_vote_is_missing(tmp_path):
    for empty in ("id,label\na,cat\nb,\nc,dog\n",):
        with pytest.raises(InvalidPredictionsError, match=r"row 1 \(id 'b'\) has none.*missing='renormalize'"):
            read(tmp_path, empty)
        assert read(tmp_path, empty, missing="renormalize").present.tolist() == [True, False, True]


def test_rows_without_values_come_in_where_that_is_asked_for(tmp_path):
    text = "id,cat,dog\na,,\nb,NA,null\nc,1,0\n"
    with pytest.raises(InvalidPredictionsError, match="missing='renormalize'"):
        read(tmp_path, text)
    assert read(tmp_path, text, missing="renormalize").present.tolist() == [False, False, True]
    other = write(tmp_path / "q.csv", "id,cat,dog\na,1,0\nb,1,0\nc,0,1\n")
    aligned = align(tmp_path / "p.csv", other, missing="renormalize")
    assert aligned.present.tolist() == [[False, False, True], [True, True, True]]


# Separators, marks, encodings, packing.


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_separators_and_decimal_commas_are_recognised(separator, decimal, tmp_path):
    cells = [f"0{decimal}25", f"0{decimal}75"]
    if separator == decimal:
        cells = [f'"{cell}"' for cell in cells]
    text = separator.join(["id", "cat", "dog"]) + "\n" + separator.join(["a", *cells]) + "\n"
    for options in ({}, {"separator": separator}, {"decimal": decimal} if separator != decimal else {}):
        p = read(tmp_path, text, **options)
        assert (p.classes, p.probas.tolist()) == (("cat", "dog"), [[0.25, 0.75]])


def test_a_separator_is_told_by_the_cell_of_the_ids(tmp_path):
    assert read(tmp_path, "id;a,b;c,d\n1;0.5;0.5\n").classes == ("a,b", "c,d")
    assert read(tmp_path, "file;a,b,c;d\n1;0.5;0.5\n", id="file").classes == ("a,b,c", "d")
    assert read(tmp_path, 'sep=;\r\nid;x;y\r\n1;"0,5";0,5\r\n').probas.tolist() == [[0.5, 0.5]]
    assert read(tmp_path, "id:x:y\n1:0.5:0.5\n", separator=":").classes == ("x", "y")
    with pytest.raises(InvalidPredictionsError, match=r"split in 2 ways; .* Give separator=','"):
        read(tmp_path, "id,x;id\n1,2;3\n")


@pytest.mark.parametrize("number", ["208,500", "-1,234", "1,234,567"])
def test_a_comma_that_can_mean_two_things_is_not_guessed(number, tmp_path):
    text = f"id;y\n1;{number}\n2;17\n"
    with pytest.raises(InvalidPredictionsError, match=rf"read in two ways; received '{number}'\. Give decimal=','"):
        read(tmp_path, text, task="regression")
    if number.count(",") == 1:
        p = read(tmp_path, text, task="regression", decimal=",")
        assert p.probas.tolist() == [[float(number.replace(",", "."))], [17]]


def test_marks_are_not_mixed(tmp_path):
    with pytest.raises(InvalidPredictionsError, match=r"two ways; received '0,5' and '1\.5'"):
        read(tmp_path, "id;y\n1;0,5\n2;1.5\n", task="regression")
    with pytest.raises(InvalidPredictionsError, match="has '0,5' for id '1'"):
        read(tmp_path, "id;y\n1;0,5\n2;1,5\n", task="regression", decimal=".")
    with pytest.raises(InvalidPredictionsError, match=r"has '1\.5' for id '2'"):
        read(tmp_path, "id;y\n1;0,5\n2;1.5\n", task="regression", decimal=",")


@pytest.mark.parametrize("cell", ["1_000", "\u0663", "0x10", "yes", "1 000"])
def test_what_is_no_number_is_named(cell, tmp_path):
    with pytest.raises(InvalidPredictionsError, match=rf"'y' has '{cell}' for id '1'"):
        read(tmp_path, f"id,y,z\n1,{cell},1\n", task="regression")


def test_numbers_of_other_programs_are_read(tmp_path):
    assert read(tmp_path, "id,y\n1, +1.5 \n2,1E3\n3,-0\n", task="regression").probas.tolist() == [[1.5], [1000], [-0.0]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", "\ufeffid,cat,dog\r\na,0.25,0.75\r\n".encode()),
        ("p.csv", "id\tcat\tdog\r\na\t0,25\t0,75\r\n".encode("utf-16")),
        ("p.tsv", b"id\tcat\tdog\na\t0.25\t0.75\n"),
        ("p.csv.gz", gzip.compress(b"id,cat,dog\na,0.25,0.75\n", mtime=0)),
        ("p.TSV.GZ", gzip.compress(b"id\tcat\tdog\na\t0.25\t0.75\n", mtime=0)),
        ("p.csv", b'\n\n"id","cat","dog"\ra,0.25,0.75\r'),
        ("p.csv", b'id,"cat","dog"\n"a",0.25,"0.75"'),
    ],
)
def test_text_of_any_program_is_read(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    p = Predictions.load(tmp_path / name)
    assert (p.ids.tolist(), p.classes, p.probas.tolist()) == (["a"], ("cat", "dog"), [[0.25, 0.75]])


def test_text_that_is_not_utf8_is_told(tmp_path):
    for text in ("id,cät,dog\na,0,1\n", "id,cat,dog\nä,0,1\n"):
        (tmp_path / "p.csv").write_bytes(text.encode("latin-1"))
        with pytest.raises(
            InvalidPredictionsError, match=r"p\.csv': a text file must be UTF-8; received the bytes b'.xe4"
        ):
            Predictions.load(tmp_path / "p.csv")


def test_a_packed_file_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ENSEMBLEKIT_MAX_BYTES", "10000")
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(b"id,x,y\n" + b"0" * 1_000_000, mtime=0))
    with pytest.raises(InvalidPredictionsError, match="the unpacked text must take at most 10000 bytes"):
        Predictions.load(tmp_path / "p.csv.gz")


def test_long_rows_and_quotes_within_cells(tmp_path):
    long = "x" * 3_000_000
    p = read(tmp_path, f'id,cat,5" disk\n{long},0.25,0.75\n"a ""b"", c\nd",1,0\n')
    assert (p.ids.tolist(), p.classes) == ([long, 'a "b", c\nd'], ("cat", '5" disk'))


def test_whole_numbers_beyond_64_bits_stay_text(tmp_path):
    assert read(tmp_path, f"id,x,y\n{2**63 - 1},0,1\n").ids.tolist() == [2**63 - 1]
    assert read(tmp_path, f"id,x,y\n{2**63},0,1\n5,0,1\n").ids.tolist() == [str(2**63), "5"]


# Files of our own say these things themselves.


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz", ".tsv", ".csv.gz"])
def test_an_option_that_disagrees_with_a_file_of_ours_is_refused(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    p = Predictions([[0.25, 0.75]], ids=["a"], classes=["cat", "dog"], labels=["dog"], member="m", fit_ids=["x"])
    p.save(path)
    again = Predictions.load(path, task="multiclass", id="id", label="label")
    assert (again.ids.tolist(), again.fit_ids.tolist(), again.member) == (["a"], ["x"], "m")
    for option, value in {"task": "regression", "id": "Id", "label": "y", "columns": ["cat"], "positive": 1}.items():
        with pytest.raises(InvalidPredictionsError, match=rf"says its task and columns itself, .* received {option}="):
            Predictions.load(path, **{option: value})


def test_options_are_of_their_kind(tmp_path):
    path = write(tmp_path / "p.csv", "id,x,y\n1,0,1\n")
    for options, message in (
        ({"separator": ";;"}, "separator must be one ASCII character"),
        ({"separator": '"'}, "separator must be one ASCII character"),
        ({"separator": ",", "decimal": ","}, "must be different characters"),
        ({"task": "ranking"}, "task must be one of"),
        ({"missing": "zero"}, "missing must be one of"),
        ({"columns": []}, "columns must name at least one column"),
        ({"id": 3}, "id must be str"),
        ({"decimal": "'"}, "decimal must be"),
    ):
        with pytest.raises(InvalidOptionError, match=message):
            Predictions.load(path, **options)
    with pytest.raises(InvalidOptionError, match="id must say how files are read; received it beside predictions"):
        align(Predictions.load(path), id="id")
    with pytest.raises(InvalidOptionError, match=r"read must have keys out of task, id, .*; received \['index'"):
        combine([path], "mean", read={"index": "id"})
    with pytest.raises(InvalidOptionError, match="id must say how files are read"):
        combine(align(path), "mean", read={"id": "id"})


@pytest.mark.parametrize("half", [",5", "0,5", "+,5", ",5e0", "5,e-1"])
def test_a_decimal_comma_may_begin_or_end_a_number(half, tmp_path):
    (tmp_path / "a.csv").write_text(f"id;cat;dog\nx;{half};,5\ny;1,;0,\n")
    for told in ({}, {"decimal": ","}):
        assert Predictions.load(tmp_path / "a.csv", **told).probas.tolist() == [[0.5, 0.5], [1, 0]]
    (tmp_path / "b.csv").write_text("id;cat;dog\nx;,;1\n")
    with pytest.raises(InvalidPredictionsError, match=r"'cat' has ',' for id 'x'"):
        Predictions.load(tmp_path / "b.csv")


FRAME = pd.DataFrame({"cat": [0.5, 0.25], "dog": [0.5, 0.75]})


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["x", "y"], name="img"),
        pd.Index(["x", "y"]),
        pd.Index([7, 3]),  # this is a range
        pd.Index([7, 3], name="img"),
        pd.RangeIndex(2, name="img"),
        pd.Index([2**40, 5]).astype("int64"),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["series", "horizon"]),
    ],
)
def test_an_index_that_pandas_wrote_to_parquet_is_read_as_that_of_the_table(index, tmp_path):
    frame = FRAME.set_index(index)
    frame.to_parquet(tmp_path / "a.parquet")
    read, given = Predictions.load(tmp_path / "a.parquet"), Predictions(frame)
    assert (read.ids.tolist(), read.classes) == (given.ids.tolist(), given.classes)
    assert read.id_columns == given.id_columns
    FRAME.set_index(pd.Index([0, 1])).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InvalidPredictionsError, match="must have a column 'id'"):
        Predictions.load(tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.csv", lambda path: FRAME.to_parquet(path), r"those of Parquet\. Give the file the suffix \.parquet"),
        ("a.csv", lambda path: zipfile.ZipFile(path, "w").writestr("a", "b"), r"an \.xlsx, \.npz or other zip"),
        ("a.tsv", lambda path: FRAME.to_feather(path), "an Arrow or Feather file"),
        ("a.csv", lambda path: path.write_text("# by me\nid,cat,dog\nx,1,0\n"), "remove what stands above it"),
    ],
)
def test_what_is_no_text_table_with_a_header_is_told(name, write, message, tmp_path):
    write(tmp_path / name)
    with pytest.raises(InvalidPredictionsError, match=message):
        Predictions.load(tmp_path / name)


@pytest.mark.parametrize(("ids", "classes"), [(["", "y"], ["cat", "dog"]), (["x", "y"], ["", "dog"])])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_empty_name_is_not_written_to_a_table_which_could_not_be_read(ids, classes, suffix, tmp_path):
    p = Predictions(FRAME.to_numpy(), ids=ids, classes=classes)
    with pytest.raises(InvalidPredictionsError, match="an empty cell names nothing"):
        p.save(tmp_path / f"a{suffix}", form="table")
    assert not list(tmp_path.iterdir())
    p.save(tmp_path / f"a{suffix}")
    assert Predictions.load(tmp_path / f"a{suffix}").ids.tolist() == ids


@pytest.mark.parametrize("index", [["x", "y"], [7, 3]])
def test_an_index_without_a_name_is_proposed_as_the_ids(index, tmp_path):
    frame = FRAME.set_index(pd.Index(index))
    path = tmp_path / "a.csv"
    frame.to_csv(path)
    with pytest.raises(InvalidPredictionsError, match="an index without a name so; if it holds the ids") as error:
        Predictions.load(path)
    (proposed,) = re.findall(r"id='(.*)'", str(error.value))
    got = Predictions.load(path, id=proposed)
    assert (got.ids.tolist(), got.classes, got.probas.tolist()) == (index, ("cat", "dog"), frame.to_numpy().tolist())


@pytest.mark.parametrize("option", [{"separator": ";"}, {"decimal": ","}])
def test_what_is_said_of_text_is_refused_where_no_file_is_text(option, tmp_path):
    a = Predictions([[0.5, 0.5]], ids=["x"], classes=["cat", "dog"])
    (tmp_path / "parts").mkdir()
    paths = [tmp_path / "a.parquet", tmp_path / "b.npz", tmp_path / "parts"]
    for path in [*paths[:2], tmp_path / "parts" / "part-0.parquet"]:
        a.save(path)
    rule = rf"{next(iter(option))}='.' must say how a text file is read, .csv or .tsv; received it beside"
    for path in paths:
        with pytest.raises(InvalidOptionError, match=rf"{rule} \['.*{path.name}'\]"):
            Predictions.load(path, **option)
    with pytest.raises(InvalidOptionError, match=rule):
        align(paths, **option)
    (tmp_path / "c.csv").write_text("id;cat;dog\nx;0,25;0,75\n")
    assert len(align([paths[0], tmp_path / "c.csv"], **option).members) == 2
