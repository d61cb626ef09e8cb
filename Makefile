# `make demo` and `make test` do all their own set-up; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Two at a time, whatever the machine has: each has its own PostgreSQL, and what they start computes too.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
# Compiled modules are kept, whatever the shell says: the tests start many processes, and each would compile them anew.
test test-long test-all: export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-all test-live fuzz openapi data-model check format bench eval lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/run.stamp ## ingest the manual, serve it, ask a first question (Ctrl-C ends)
	@$(BIN)/ibid demo

test: $(VENV)/dev.stamp ## run the tests (under 5 minutes)
	$(PYTEST)

test-long: $(VENV)/dev.stamp ## run the tests that start, kill and stop whole services (some minutes)
	$(PYTEST) -m "long and not slow and not live"

test-all: $(VENV)/dev.stamp ## run the tests, the slow ones too
	$(PYTEST) -m "not live"

test-live: $(VENV)/dev.stamp ## try the real services with your own keys, under 20 calls
	$(BIN)/python -m pytest -m "not slow" -k live tests/live tests/contracts/test_passage_index.py

fuzz: $(VENV)/dev.stamp ## send the running service 200 made-up requests an operation, and hold it to its description
	$(BIN)/python -m tests.abuse.fuzz --cases 200

openapi: $(VENV)/dev.stamp ## write docs/openapi.json anew
	$(BIN)/python -m entrypoints.describe_api > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

data-model: $(VENV)/dev.stamp ## draw the tables into docs/data-model.md anew
	$(BIN)/python -m adapters.neon.drawing

check: $(VENV)/dev.stamp ## formatting, lint, types, the rings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp ## measure speed and print the table
	$(BIN)/python -m bench.speed
	$(BIN)/python -m bench.outside
	$(BIN)/python -m bench.durable_work

eval: $(VENV)/dev.stamp ## measure quality on the evaluation data beside the project
	$(BIN)/python -m bench.retrieval_quality
	$(BIN)/python -m bench.source_trust
	$(BIN)/python -m bench.languages
	$(BIN)/python -m bench.verdict_quality
	$(BIN)/python -m bench.verdict_maps
	$(BIN)/python -m bench.claim_files
	$(BIN)/python -m bench.injection
	$(BIN)/python -m bench.corruption
	$(BIN)/python -m bench.citation_quality
	$(BIN)/python -m bench.abstention_quality
	$(BIN)/python -m bench.grounding_quality

lock: $(VENV)/dev.stamp ## resolve the dependencies again and write both lock files
	$(PIP) install "uv>=0.13,<0.14"
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements-dev.lock

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Ibid needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing Ibid into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo "Installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
