# `make run` and `make test` set everything up by themselves; they need Python 3.11 or later and a package index.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= 2
LOWEST := .venv-lowest
# tests that meet every dependency; old releases warn about new ones below them, which is not ours to mend
SMOKE  := tests/unit/common tests/unit/cli tests/unit/tools/test_editor.py tests/unit/tools/test_export.py \
	tests/unit/runtime/data/sources tests/unit/runtime/run tests/test_goldens.py -W default

.PHONY: run test test-all mutants test-lowest release-check docs format goldens clean

run: $(STAMP)  ## tune the schedule of a short training on MNIST, README's example
	$(BIN)/drmadc run specs/mnist_schedule.drm

test: $(STAMP)  ## formatter, linter, import layers, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/drmadc fmt --check specs/*.drm specs/*/*.drm tests/cases/ok/*.drm grammar/drmadc_grammar/prelude.drm
	$(BIN)/python -m pytest -n $(JOBS) -m "not long"

test-all: $(STAMP)  ## the long tests too
	$(BIN)/python -m pytest -n $(JOBS)

test-lowest:  ## smoke tests with the lowest version of every dependency that pyproject.toml allows
	rm -rf $(LOWEST)
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
		--only-binary :all: --no-binary drmadc --editable '.[dev]'
	$(LOWEST)/bin/python -m pytest -n $(JOBS) -m "not long" $(SMOKE)

release-check: $(STAMP)  ## build wheel and sdist, check both, run the wheel in a fresh environment
	$(BIN)/python tests/release_check.py

MODULES ?= $(wildcard runtime/drmadc_runtime/core/t*.py runtime/drmadc_runtime/adjoints/k*.py drmadc/compiler/passes/[fgk]*.py)
mutants: $(STAMP)  ## change one operator at a time of MODULES=..., and name the changes that no unit test notices (an hour)
	$(BIN)/python tests/mutation.py $(MODULES)

docs: $(STAMP)  ## the documentation, as a site in site/
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(BIN)/mkdocs build --strict

format: $(STAMP)  ## rewrite Python and specs in their canonical layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/drmadc fmt specs/*.drm specs/*/*.drm tests/cases/ok/*.drm

goldens: $(STAMP)  ## rewrite expected outputs; review the diff
	$(BIN)/python -m pytest tests/test_goldens.py --update-goldens

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "drmadc needs Python 3.11 or later; try make PYTHON=python3.12")'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m compileall -q drmadc grammar runtime
	touch $(STAMP)

clean:
	rm -rf $(VENV) $(LOWEST) build dist runs site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
