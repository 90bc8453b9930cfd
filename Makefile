# The commands people and CI use. `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
VERSIONS ?= 14 16 17
SECONDS ?= 60
.PHONY: help setup demo test test-postgres fuzz soak check fmt mutants bench wheel pictures lock

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## make the virtual environment with the locked packages

$(STAMP): lock.txt pyproject.toml
	@sh tools/setup.sh "$(PYTHON)" "$(VENV)"

demo: $(STAMP) ## everything on this machine: PostgreSQL, sign-in, request, approval, rows, clean end
	@exec "$(BIN)/p0" demo

test: $(STAMP) ## all tests, against real servers they start and stop themselves; those of PostgreSQL on 15 too
	@older=0; [ -n "$$PYTEST_ARGS" ] || P0_TEST_MODES=hardened sh tools/test-postgres.sh "$(VENV)" 15 || older=$$?; \
	sh tools/test.sh "$(VENV)" && exit "$$older"

test-postgres: $(STAMP) ## the tests that face PostgreSQL, on VERSIONS="14 16 17"
	@sh tools/test-postgres.sh "$(VENV)" $(VERSIONS)

fuzz: $(STAMP) ## hostile text against the reading of SQL, for SECONDS="60"
	@"$(BIN)/python" tests/fuzz/run.py -max_total_time="$(SECONDS)"

soak: $(STAMP) ## random requests while agent and PostgreSQL are killed: make soak SECONDS=600
	@P0_SOAK_SECONDS="$(SECONDS)" "$(BIN)/python" -m pytest -q -s tests/integration/agent_core/test_soak.py

check: $(STAMP) ## formatting, lint, types, import contracts
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/ruff" check .
	@"$(BIN)/mypy"
	@"$(BIN)/lint-imports" --no-cache

fmt: $(STAMP) ## format and mend what can be mended
	@"$(BIN)/ruff" format .
	@"$(BIN)/ruff" check --fix .

mutants: $(STAMP) ## change one thing at a time in what verifies proofs; the tests must notice
	@"$(BIN)/python" tools/mutants.py

bench: $(STAMP) ## measure, with ratios against named baselines
	@"$(BIN)/python" -m bench

wheel: $(STAMP) ## the one wheel with all parts, into dist/
	@"$(BIN)/python" -P -m hatchling build --target wheel --directory dist

pictures: $(STAMP) ## renew docs/pictures from the snapshots of the terminal UI
	@"$(BIN)/python" tools/pictures.py

lock: ## renew lock.txt from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade -o lock.txt
