# Two commands do everything on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench serve check docs format lock clean

help: ## show what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(READY) ## make the environment in .venv

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "anymedia needs Python 3.11 or newer; set PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

demo: $(READY) ## text, picture, clip, music and speech, with no key and no network
	$(BIN)/python -m anymedia.demo

test: $(READY) ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadgroup

bench: $(READY) ## what a call and an import cost, and how well strategies choose
	$(BIN)/python benchmarks/library.py
	$(BIN)/python -m benchmarks.routing

serve: $(READY) ## the gateway on http://127.0.0.1:8400
	$(BIN)/anymedia serve

check: $(READY) ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY) ## compute the tables on the pages and the published schemas
	$(BIN)/python docs/tables.py
	$(BIN)/python -m anymedia.contracts.envelope.publish schemas

format: $(READY) ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY) ## renew requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group dev --extra all -o requirements.lock pyproject.toml

clean: ## forget the environment and the demo
	rm -rf $(VENV) demo
