# Needs only python3 (3.11 to 3.13) and make; every target sets up .venv by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test lint notebooks validate bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "pathworth needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=python3.12, say."; exit 2; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY)  ## simulate a shop with a known truth and write its report as a PDF
	$(BIN)/pathworth simulate --customers 20000 --seed 1 --out demo/shop
	$(BIN)/pathworth report demo/shop/pathworth.toml
	@echo "Open demo/shop/reports/latest/report.pdf"

lint: $(READY)  ## ruff, mypy --strict, the dependency law
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint  ## lint, then every test with warnings as errors, on up to four cores
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

notebooks: $(READY)  ## turn notebooks/*.py into .ipynb
	$(BIN)/jupytext --to ipynb notebooks/*.py

.venv-bench/.ready: benchmarks/requirements.txt benchmarks/requirements-source.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --only-binary :all: -r benchmarks/requirements.txt
	.venv-bench/bin/python -m pip install --quiet --no-build-isolation --no-deps -r benchmarks/requirements-source.txt \
	  || echo "ChannelAttribution could not be built; the benchmarks go on without it."
	touch $@

.venv-bench-pymc/.ready: benchmarks/requirements-pymc.txt
	$(PYTHON) -m venv .venv-bench-pymc
	.venv-bench-pymc/bin/python -m pip install --quiet --only-binary :all: -r benchmarks/requirements-pymc.txt \
	  || echo "pymc-marketing could not be installed; the benchmarks go on without it."
	touch $@

bench: $(READY) .venv-bench/.ready .venv-bench-pymc/.ready  ## measure every claim of speed beside the peers, into docs/benchmarks.md
	$(BIN)/python benchmarks/run.py --write

validate: $(READY)  ## hold intervals and models against the simulated truth, into docs/validation.md
	$(BIN)/python benchmarks/validate.py --write

lock: $(READY)  ## resolve requirements.lock anew (installs uv into .venv)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --extra notebooks --group dev pyproject.toml -o requirements.lock

clean:  ## remove the environment and everything the targets wrote
	rm -rf $(VENV) demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache notebooks/*.ipynb
