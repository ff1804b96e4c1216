PORT ?= 3000
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
CONNECTOR_5 := .venv-connector-5

.DEFAULT_GOAL := help
.PHONY: help demo dev test test-connector-5 clients clients-quick benchmark lint check fix clean

help: ## List the tasks
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
	  echo "The emulator and the example need Python 3.11 to 3.14, $(PYTHON) is another one." \
	  "Name one that is: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[emulator,example,dev]'
	touch $(INSTALLED)

demo: $(INSTALLED) ## Run the main job once on the emulator, without a browser
	@exec $(BIN)/python -m definitions.demo

dev: $(INSTALLED) ## Emulator and Dagster's UI on port 3000 (PORT=n changes it)
	@exec $(BIN)/python -m definitions.dev --port $(PORT)

test: $(INSTALLED) ## Run every test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-connector-5: $(CONNECTOR_5)/.installed ## What speaks to the account, with version 5 of the connector
	$(CONNECTOR_5)/bin/python -m pytest -q -p no:cacheprovider -n auto --dist loadfile \
	  tests/unit/test_session.py tests/emulator/test_fakesnow_bridge.py tests/emulator/test_wire.py \
	  tests/emulator/test_faults.py tests/contract tests/integration/test_blocking.py \
	  tests/integration/test_pipes.py

# The tested set, but for the connector: dagster-snowflake requires Snowpark, which asks for version 4.
$(CONNECTOR_5)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(CONNECTOR_5)
	$(CONNECTOR_5)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[emulator,example,dev]'
	$(CONNECTOR_5)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'snowflake-connector-python==5.2.0'
	touch $@

clients: $(INSTALLED) ## Real clients against the emulator, each in an environment of its own
	$(BIN)/nox --no-error-on-missing-interpreters
	$(BIN)/python -m tests.clients.table

clients-quick: $(INSTALLED)
	$(BIN)/nox -t quick

benchmark: $(INSTALLED) ## Measure what is promised in numbers (ARGS="tick --quick")
	$(BIN)/python -m benchmarks $(ARGS)

lint: $(INSTALLED) ## Format, lint, types and import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

check: lint ## The same and the fast tests
	$(BIN)/python -m pytest -m 'not slow' -q -n auto --dist loadfile --no-loadscope-reorder

fix: $(INSTALLED) ## Format and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what the tasks made
	rm -rf .venv $(CONNECTOR_5) .dagster .spcs-emulator test-artifacts
