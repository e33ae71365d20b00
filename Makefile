# Needs Python 3.11 or newer with venv and pip, nothing else; everything goes into .venv.
#
#   make demo [AUDIO=call.wav]   the whole system on one recorded call, then everything ends
#   make up [ARGS="--asr 2"]     the whole system until Ctrl-C
#   make test                    every test
#   make check                   format, lint, types, import rules and unit tests
#   make bench                   the benchmarks
#   make clean                   remove what these made

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable
# Number libraries would otherwise take every core in every process.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo up test check bench clean

demo: .venv/local.stamp
	$(BIN)/callscribe demo $(if $(AUDIO),"$(AUDIO)") $(ARGS)

up: .venv/local.stamp
	$(BIN)/callscribe up $(ARGS)

test: .venv/dev.stamp
	$(BIN)/python -m pytest $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/unit

bench: .venv/dev.stamp
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(if $(PYTHON),,$(error Python 3.11 or newer with venv and pip is needed and was not found; \
	name yours with make PYTHON=/path/to/python3))
	$(PYTHON) -m venv .venv

# A stamp is older than what it was installed from when that changes: then it is done again.
.venv/local.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing callscribe into .venv (a few minutes the first time)"
	$(INSTALL) '.[local]'
	@touch $@

.venv/dev.stamp: .venv/local.stamp
	@echo "installing the development tools into .venv"
	$(INSTALL) '.[dev]'
	@touch $@
