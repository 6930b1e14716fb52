# The ways to use a clone. `make setup` is part of every other one and quick when there is nothing to do.
# PYTHON=python3.12 make test   chooses the interpreter (3.11 or newer) of the virtual environment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := src tests examples bench

.PHONY: setup system demo test check bench docs clean

setup: system $(READY)

system:
	@PYTHON="$(PYTHON)" scripts/system-packages

$(READY): pyproject.toml | system
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/python examples/demo.py

test: setup check
	@scripts/test-registry $(VENV)/registry
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: setup
	@$(BIN)/python bench/run.py

docs: setup
	@$(BIN)/python -c 'from homeport.core.states import document; print(document(), end="")' > docs/states.md
	@$(BIN)/python -c 'from homeport.settings_doc import document; print(document(), end="")' > docs/settings.md

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
