"""The page of promises: each line names tests that are there, and no test is named that is never run."""

import ast
import re

import pytest

from tests.strangers import REPO

PAGE = (REPO / "docs" / "promises.md").read_text()
ROW = re.compile(r"^\|(?P<promise>[^|]+)\|(?P<tests>[^|]*)\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(page):
    """Give each promise with what stands in its second column, heads and rules of the tables left out."""
    found = [(m["promise"].strip(), m["tests"].strip()) for m in ROW.finditer(page)]
    return [(promise, tests) for promise, tests in found if promise != "what is promised" and set(promise) != {"-"}]


def missing_tests(page):
    """List what a page says without a test that is there."""
    missing = []
    for promise, tests in rows(page):
        named = TEST.findall(tests)
        if not named:
            missing.append(f"{promise}: names no test")
        for file, name in named:
            path = REPO / file
            functions = (
                {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
                if path.is_file()
                else set()
            )
            if name not in functions or not name.startswith("test_"):
                missing.append(f"{promise}: {file}::{name} is not there")
    return missing


def test_each_promise_has_a_test_that_is_there():
    assert len(rows(PAGE)) > 20
    assert missing_tests(PAGE) == []


@pytest.mark.parametrize(
    "tests", ["", "`tests/contract/test_promises.py::test_gone`", "`tests/none.py::test_x`", "by eye"]
)
def test_a_promise_without_a_test_is_noticed(tests):
    assert missing_tests(f"| what is promised | held by |\n|---|---|\n| nothing is lost | {tests} |\n")
