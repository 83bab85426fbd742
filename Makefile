# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
SHARED ?= ../shared
PORT ?= 3456

# A test that starts processes gets a second try on a machine that is busy; the summary names it.
AGAIN := --reruns 1 -rR

# What one process has compiled serves the next, whatever the surroundings say: of these tests, ten seconds a process.
export PYTHONDONTWRITEBYTECODE :=

RUN_READY := .venv/.run-ready
TEST_READY := .venv/.test-ready

.PHONY: help run test lint types installed collected fuzz unit server agents matrix beside bench lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | expand -t 12

run: $(RUN_READY) ## set up if needed and start the gateway (rehearsal when nothing is configured)
	$(BIN)/trunkline serve --port $(PORT)

test: $(TEST_READY) ## everything: lint, types, unit, server and real-agent tests
	$(MAKE) -j 2 installed lint types collected
	$(MAKE) fuzz unit server agents

lint: $(TEST_READY) ## format, style, spelling, import rules, repetition
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/codespell src docs README.md CHANGELOG.md
	$(BIN)/lint-imports
	$(BIN)/pylint src/trunkline

types: $(TEST_READY) ## both type checkers, strict
	$(BIN)/mypy
	$(BIN)/pyright

# What the tests would wait for, while the checkers have the other core. Whatever fails here they do, and tell, themselves.
installed: $(TEST_READY)
	-PYTHONPATH=tests $(BIN)/python -m agents.install

collected: $(TEST_READY)
	-$(BIN)/pytest -q --collect-only > .venv/.collected 2>&1

fuzz: $(TEST_READY) ## half a minute of mutated recordings into each decoder; the unit tests do a hundredth of it
	TRUNKLINE_EXPLORE=100 $(BIN)/pytest -q -p no:rerunfailures -n 2 --dist load tests/fuzz

unit: $(TEST_READY) ## all tests that need no server and no agent
	$(BIN)/pytest -q -p no:rerunfailures -n 2 --dist loadfile --no-loadscope-reorder -m "not server and not agent"

server: $(TEST_READY) ## tests that start a gateway on loopback
	TRUNKLINE_DISCONNECTS=10000 $(BIN)/pytest -q $(AGAIN) -m "server and not agent"

agents: $(TEST_READY) ## real coding agents against stand-in providers
	$(BIN)/pytest -q $(AGAIN) -m agent

matrix: $(TEST_READY) ## write docs/matrix.md anew from what each pair of protocols really does
	PYTHONPATH=tests $(BIN)/python -m matrix.page

beside: $(TEST_READY) ## write docs/ccr-side-by-side.md anew from what claude-code-router did and what Trunkline does
	PYTHONPATH=tests $(BIN)/python -m beside.page

bench: $(TEST_READY) ## beside nginx in one run; needs wrk, nginx and the benchmark in $(SHARED)/bench
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python $(SHARED)/bench/bench.py benchmarks/targets.json $(BENCH)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/clients.py --bench $(SHARED)/bench $(BENCH)

lock: ## write the hashed requirement files anew
	$(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group build pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group build --group test --group lint pyproject.toml -o requirements/test.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		tests/agents/aider.in -o tests/agents/aider.txt

clean: ## remove the environment and all caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Trunkline needs Python 3.11 or later; name one: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(RUN_READY): .venv/bin/python requirements/run.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src/trunkline  # else the first start does it, for half a second
	@touch $@

$(TEST_READY): $(RUN_READY) requirements/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/test.txt
	@touch $@
