# Two commands: `make run` and `make test`. What they do is in the `lethe` command and in pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: run test lint bench
run: .venv/installed
	$(BIN)/lethe demo $(ARGS)

test: lint
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/installed
	$(BIN)/python -m benchmarks $(ARGS)

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
