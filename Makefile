# `make ctscan` makes the study's results table; `make test` runs the fast tests. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
EXTRA ?= dev
WORKERS ?= 2
# A file stays with one worker, and with it what its tests share.
PARALLEL := -n $(WORKERS) --dist loadfile
FAST := -m "not slow and not packaging"
COVERAGE ?=

export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help install ctscan bench-combiners test test-slow test-all test-lowest lint format types layers docs wheel-test hooks dist release-check clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed-$(EXTRA)  ## make .venv and install ensemblekit with its extras

$(VENV)/.installed-$(EXTRA): pyproject.toml ensemblekit/_version.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[$(EXTRA)]"
	touch $@

ctscan: install  ## the CT-scan study's results table, on the embedded images
	$(BIN)/python benchmarks/ctscan.py

bench-combiners: install  ## the speed of every combination rule, against a memory copy and other libraries
	$(BIN)/python benchmarks/combiners.py

test: install  ## the fast tests
	$(BIN)/python -m pytest -q $(PARALLEL) $(FAST) $(COVERAGE)

test-slow: install  ## the tests that `make test` leaves out
	$(BIN)/python -m pytest -q $(PARALLEL) -m "slow or packaging" $(COVERAGE)

test-all: install  ## every test, with coverage
	$(BIN)/python -m pytest -q $(PARALLEL) --cov --cov-report=term

test-lowest: $(LOWEST)/.installed  ## the fast tests, on the lowest versions that pyproject.toml declares
	$(LOWEST)/bin/python -m pytest -q $(PARALLEL) $(FAST)

$(LOWEST)/.installed: pyproject.toml ensemblekit/_version.py
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade pip uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST) --upgrade --resolution lowest-direct --editable ".[dev]"
	touch $@

lint: install  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install  ## let ruff write
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install  ## pyright
	$(BIN)/pyright

layers: install  ## import-linter: the floors of the house
	$(BIN)/lint-imports

docs: install  ## the pages, into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

wheel-test: install  ## the wheel, alone, in a clean environment
	$(BIN)/python -m pytest -q -m packaging

hooks: install  ## pre-commit: lint, format and layers before each commit, types before each push
	$(BIN)/pre-commit install --hook-type pre-commit --hook-type pre-push

dist: install  ## the source distribution and the wheel, into dist
	rm -rf dist
	$(BIN)/python -m build

release-check: install  ## whether TAG, the version and the changelog agree
	RELEASE_TAG="$(TAG)" $(BIN)/python -m pytest -q tests/contract/test_release.py

clean:
	rm -rf $(VENV) $(LOWEST) build dist docs/_build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
