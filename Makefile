# Two commands do everything on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
CLIENTS := .venv-clients
NODE    := tests/clients/node

.DEFAULT_GOAL := help
.PHONY: help setup demo test clients bench serve check audit fuzz docs format lock clean

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
	-@$(MAKE) --no-print-directory --keep-going clients
	$(BIN)/python -m pytest -n auto --dist loadgroup

# Without them the tests that ask them are skipped, and say so; where CI=true they fail.
clients: $(CLIENTS)/.ready $(NODE)/node_modules/.ready ## other people's clients, for the tests that ask them

$(CLIENTS)/.ready: requirements-clients.lock | $(READY)
	test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	$(BIN)/uv pip install --quiet --python $(CLIENTS)/bin/python --require-hashes -r requirements-clients.lock
	touch $@

$(NODE)/node_modules/.ready: $(NODE)/package-lock.json
	@if command -v npm > /dev/null; then \
		cd $(NODE) && npm ci --silent && touch node_modules/.ready; \
	else echo "There is no npm on this machine: clients for Node are not tried."; fi

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

audit: $(READY) ## dependencies: pinned, hashed, licensed, and where there is a network not known bad
	test -x .venv-audit/bin/pip-audit || ($(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet pip-audit) || true
	AUDIT_LOOKUP=$${AUDIT_LOOKUP:-wanted} $(BIN)/python .ci/audit.py

fuzz: $(READY) ## hold the gateway to its OpenAPI: thousands of requests, made up from it
	test -x .venv-fuzz/bin/st || ($(PYTHON) -m venv .venv-fuzz && .venv-fuzz/bin/python -m pip install --quiet -r tests/fuzz/requirements.txt)
	$(BIN)/python tests/fuzz/run.py

docs: $(READY) ## compute the tables on the pages and the published schemas
	$(BIN)/python docs/tables.py
	$(BIN)/python -m anymedia.contracts.envelope.publish schemas

format: $(READY) ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY) ## renew requirements.lock and requirements-clients.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group dev --extra all -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --prerelease disallow --generate-hashes --no-annotate --no-header --no-emit-index-url --group clients -o requirements-clients.lock

clean: ## forget the environment and the demo
	rm -rf $(VENV) $(CLIENTS) $(NODE)/node_modules demo
