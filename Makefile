# Needs Python 3.11 to 3.13 and make; everything else goes into .venv here.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
WORKERS ?= 2
SOAK_SEED ?= 1
SOAK_COUNT ?= 100

.PHONY: run dev test check unit soak pictures clean

run: .venv/base  ## curate the bundled sample: picked frames and a report in curated/
	$(BIN)/pipeline curate

dev: .venv/base  ## the Dagster web UI on http://127.0.0.1:3000
	$(BIN)/pipeline doctor
	DAGSTER_HOME="$${DAGSTER_HOME:-$(CURDIR)/.pipeline/dagster}" $(BIN)/dagster dev -w workspace.yaml

test: check unit  ## everything that must pass

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: .venv/dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

soak: .venv/dev  ## long randomized runs: make soak SOAK_SEED=7 SOAK_COUNT=500
	SOAK_SEED=$(SOAK_SEED) SOAK_COUNT=$(SOAK_COUNT) $(BIN)/python -m pytest -m soak --timeout 36000

pictures: .venv/dev  ## images/ anew, from the real UI and the real report
	$(BIN)/python -m pipeline_project.making.pictures

clean:
	rm -rf .venv .pipeline curated

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "Python 3.11 to 3.13 is needed; make PYTHON=/path/to/python3.12 run"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/base: .venv/bin/python pyproject.toml
	$(PIP) -e .
	touch $@

.venv/dev: .venv/base
	$(PIP) -e '.[dev]'
	# The tests use the client of `lightly` alone; its other parts would bring torch.
	$(PIP) --no-deps 'lightly>=1.5.26,<1.6'
	touch $@
