# `make` prints this list.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
RESOLVE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header
# Some images of Python set this; every process that starts would compile all it loads.
export PYTHONDONTWRITEBYTECODE :=
# Tests that start servers of their own come last. Half of the time a test waits for a database or
# for a moment to come, so that four keep two processors busy, and three of those with servers.
SERVERS := tests/blackbox tests/faults tests/operations
STRANGERS := tests/strangers/.venv/.ready tests/strangers/node_modules/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run test check lint types imports schema tools lock migration openapi strangers faults fuzz clean
.PHONY: bench bench-compare bench-day bench-doors bench-events bench-logs bench-reads bench-relay bench-returning bench-sweep bench-telemetry bench-webhooks

help:  ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use it
setup: .venv/.ready  ## make the virtual environment from the hashed lock file

run: setup  ## serve a demo fleet on an embedded PostgreSQL (PORT=8000)
	@exec $(BIN)/partner-api demo --port $(PORT)

##@ Change it
test: setup  ## every test that needs no more than Python and make
	$(BIN)/python -m pytest -rs -m "not tools and not faults" -n 4 --dist loadfile $(SERVERS:%=--ignore %)
	$(BIN)/python -m pytest -rs -m "not tools and not faults" -n 3 --dist loadfile $(SERVERS)

check: setup tools lint types imports schema test $(STRANGERS)  ## everything: the checks, then all tests
	$(BIN)/python -m pytest -rs -m tools

lint: setup  ## ruff, format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup  ## mypy, strict
	$(BIN)/mypy

imports: setup  ## which package may import which
	$(BIN)/lint-imports

schema: setup  ## models and migrations tell the same story
	$(BIN)/python -m tests.alembic_check

tools:  ## install jq, curl and npm where the machine lets us, or name them
	@.ci/tools jq curl npm

migration: setup  ## a new migration (m="what changes")
	$(BIN)/partner-api db revision "$(m)"

openapi: setup  ## write openapi.yaml
	$(BIN)/partner-api openapi --output openapi.yaml

lock:  ## resolve the dependencies again (needs uv)
	$(RESOLVE) --group dev pyproject.toml -o requirements.lock
	$(RESOLVE) tests/strangers/requirements.in -o tests/strangers/requirements.lock

##@ Measure it
bench: bench-doors bench-events bench-webhooks bench-telemetry bench-relay bench-reads bench-logs bench-returning  ## all but the long ones (SIZE= devices)

bench-compare: setup  ## single check-ins beside a yardstick (REFERENCE=http://127.0.0.1:8099)
	$(BIN)/python -m bench.compare --reference $(REFERENCE) --devices $(or $(SIZE),100000)

bench-day: setup  ## every device every 240 s, and dashboards, for ten minutes (SIZE=1000000)
	$(BIN)/python -m bench.day --devices $(or $(SIZE),1000000)

bench-doors: setup  ## what a known token costs, and a new one
	$(BIN)/python -m bench.doors

bench-events: setup  ## from what happens to whoever listens (SIZE=100000)
	$(BIN)/python -m bench.events --devices $(or $(SIZE),100000)

bench-logs: setup  ## one device's newest lines among millions (LINES=20000000)
	$(BIN)/python -m bench.logs --lines $(or $(LINES),20000000)

bench-reads: setup  ## reads of a large fleet beside a small one's (SIZE=100000)
	$(BIN)/python -m bench.reads --devices $(or $(SIZE),100000)

bench-relay: setup  ## relayed groups beside the database alone (SIZE=100000)
	$(BIN)/python -m bench.relay --devices $(or $(SIZE),100000)

bench-returning: setup  ## a fleet comes back at once (SIZE=100000)
	$(BIN)/python -m bench.returning --devices $(or $(SIZE),100000)

bench-sweep: setup  ## what the sweep costs beside a fleet that checks in (SIZE=500000)
	$(BIN)/python -m bench.sweep --devices $(or $(SIZE),500000)

bench-telemetry: setup  ## samples with check-ins, what they take to keep, reads (SIZE=100000)
	$(BIN)/python -m bench.telemetry --devices $(or $(SIZE),100000)

bench-webhooks: setup  ## from an event to its receivers (EVENTS=20000)
	$(BIN)/python -m bench.webhooks --events $(or $(EVENTS),20000)

##@ Try it hard

faults: setup  ## kill everything in turn under a fleet of devices, for minutes
	$(BIN)/python -m pytest -m faults tests/faults

strangers: setup $(STRANGERS)  ## only the tests in which tools that others wrote drive the server
	$(BIN)/python -m pytest -rs -m tools tests/strangers

fuzz: setup tests/strangers/.venv/.ready  ## schemathesis for 25 minutes on each document
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),1500) $(BIN)/python -m pytest -m tools tests/strangers/test_fuzzer.py

clean:  ## remove the virtual environment and what the tools cached; never data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	cd tests/strangers && rm -rf .venv node_modules .schemathesis .hypothesis

tests/strangers/.venv/.ready: tests/strangers/requirements.lock
	$(PYTHON) -m venv tests/strangers/.venv
	tests/strangers/.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

tests/strangers/node_modules/.ready: tests/strangers/package-lock.json | tools
	npm ci --prefix tests/strangers --loglevel error >/dev/null
	@touch $@

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .
	@touch $@
