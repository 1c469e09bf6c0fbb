# Two commands on a fresh machine: `make run` and `make test`. `make` alone lists the rest.
# Variables override on the command line: make run PERSONS=10000 LAKE=/big/lake
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

PERSONS ?= 100000##        persons of the synthetic nation
SEED ?= 1##                seed of the nation
PROFILE ?= documented##    error rates of its sources: clean, documented, harsh
PERIOD ?= 2026Q1##         period of the release
DATA ?= data/nation-$(PERSONS)##    where the nation is kept
LANDING ?= $(DATA)/landing##        deliveries to run on; others than the nation's are never touched
LAKE ?= data/lake-$(PERSONS)##      where the tables are kept
MASTER ?=##                Spark master; empty = this machine
CONFIG ?=##                further configuration file
PORT ?= 10000##            of make serve
CLUSTER_PORT ?= 7077##     of make cluster-up
CLUSTER_UI_PORT ?= 18080## its web page
WORKER_MEMORY ?= 3g##      of each of its two workers

BIN := .venv/bin
DTSEN := $(BIN)/dtsen
PYTEST := $(BIN)/pytest
# Planning, which is most of a small job, is one thread's work.
IN_TWO := -n 2 --dist loadgroup
ifneq ($(MASTER),)
export DTSEN_MASTER := $(MASTER)
endif
MADE := $(DATA)/.made-with
ARGUMENTS := persons=$(PERSONS) seed=$(SEED) profile=$(PROFILE)

help: ## List the targets and variables
	@echo 'Targets'
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do printf '  %-16s %s\n' "$$name" "$$text"; done
	@echo 'Variables'
	@sed -n 's/^\([A-Z_]*\) ?= *\(.*\)## *\(.*\)/\1\t\2 \t\3/p' Makefile | while IFS=$$'\t' read -r name value text; do printf '  %-16s %-24s %s\n' "$$name" "$$value" "$$text"; done

# -- set-up ------------------------------------------------------------------------------------------------------------

setup: ## Check Java and Python, make .venv and fetch the Delta jars from the locks; does nothing the second time
	@bash .make/setup.sh

lock: setup ## Renew both requirements locks from pyproject.toml
	@for lock in requirements-dev.lock:--extra=dev requirements.lock:--constraint=requirements-dev.lock; do \
	  $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --quiet --upgrade "$${lock#*:}" --output-file "$${lock%%:*}" || exit; done
	@$(MAKE) setup check-locks

# -- the job -----------------------------------------------------------------------------------------------------------

generate: setup ## Make the synthetic nation, unless it is there
	@if [ "$$(cat '$(MADE)' 2>/dev/null)" = '$(ARGUMENTS)' ]; then exit 0; fi; \
	if [ -e '$(MADE)' ]; then \
	  echo "generate: $(DATA) holds another nation ($$(cat '$(MADE)')); name another DATA= and LAKE=, or make clean" >&2; exit 2; fi; \
	if [ -e '$(MADE).part' ]; then rm -rf '$(DATA)/landing' '$(DATA)/truth'; fi; \
	mkdir -p '$(DATA)' && touch '$(MADE).part' && \
	$(DTSEN) generate --persons '$(PERSONS)' --seed '$(SEED)' --profile '$(PROFILE)' --out '$(DATA)' && \
	echo '$(ARGUMENTS)' > '$(MADE).part' && mv '$(MADE).part' '$(MADE)'

run: setup ## Deliveries to a published release: make the nation where needed, run every stage, publish, summarise
	@if [ '$(LANDING)' = '$(DATA)/landing' ]; then $(MAKE) generate; fi
	@truth=(); if [ '$(LANDING)' = '$(DATA)/landing' ]; then truth=(--truth '$(DATA)/truth'); fi; \
	$(DTSEN) run --landing '$(LANDING)' --lake '$(LAKE)' --period '$(PERIOD)' $(if $(CONFIG),--config '$(CONFIG)') \
	  --publish $${truth[@]+"$${truth[@]}"}

status: setup ## Releases of the lake, their state and accounts
	@$(DTSEN) status --lake '$(LAKE)'

evaluate: setup ## Accuracy of the release against the nation's truth, into DATA/accuracy.json
	@$(DTSEN) evaluate --lake '$(LAKE)' --truth '$(DATA)/truth' --json '$(DATA)/accuracy.json'

report: setup ## The release report, one HTML file beside the lake
	@$(DTSEN) report --lake '$(LAKE)' --period '$(PERIOD)' --out '$(LAKE)-$(PERIOD).html'

serve: setup ## SQL server over the published tables (JDBC, ODBC, BI tools) until Ctrl-C
	@$(DTSEN) serve --lake '$(LAKE)' --port '$(PORT)'

bench: setup ## The benchmarks of BENCHMARKS.md
	@$(DTSEN) bench

# -- cluster -----------------------------------------------------------------------------------------------------------

cluster-up: setup ## Start a standalone master and two workers on this machine, for MASTER=spark://127.0.0.1:7077
	@$(BIN)/python .make/cluster.py up --port '$(CLUSTER_PORT)' --ui-port '$(CLUSTER_UI_PORT)' --worker-memory '$(WORKER_MEMORY)'

cluster-down: ## Stop them
	@if [ -x $(BIN)/python ]; then $(BIN)/python .make/cluster.py down; fi

dist: setup ## What a cluster needs, into dist/: wheel, packed dependencies, jars, jobs, Spark properties
	@$(BIN)/python .make/dist.py

# -- quality -----------------------------------------------------------------------------------------------------------

test: setup ## The tests, without the slow ones, in two processes
	@$(PYTEST) $(IN_TWO)

test-all: test test-slow ## Every test

test-slow: setup superset ## The slow tests, in two processes: those of the targets below, and others
	@DTSEN_SUPERSET="$$PWD/.superset/bin" $(PYTEST) -m slow $(IN_TWO) --no-loadscope-reorder

test-cluster: setup ## Slow tests on a standalone cluster
	@$(PYTEST) -m 'slow and cluster'

test-serve: setup ## Slow tests of the SQL server with JDBC and PyHive clients
	@$(PYTEST) -m 'slow and serve'

superset: setup ## A Superset from PyPI in an environment of its own (.superset), for the test that loads the dashboard
	@if [ ! -x .superset/bin/superset ]; then $(BIN)/uv venv --quiet --clear --python $(BIN)/python .superset && \
	  $(BIN)/uv pip install --quiet --require-hashes --python .superset/bin/python -r tests/bi/superset.lock; fi

test-superset: superset ## Slow test that loads the dashboard into it
	@DTSEN_SUPERSET="$$PWD/.superset/bin" $(PYTEST) -m slow tests/bi/test_superset.py

test-notebooks: setup ## Slow tests that execute the notebooks
	@$(PYTEST) -m 'slow and notebooks'

test-kill: setup ## Slow tests that end a run in its middle
	@$(PYTEST) -m 'slow and kill'

test-tooling: setup ## Slow tests of set-up and packing
	@$(PYTEST) -m slow tests/tooling

check: setup check-locks ## Lint, format, types, import rules, locks
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check-locks:
	@if grep -nE '[a-z]+://' requirements*.lock conf/spark/jars.lock; then echo 'a lock holds an address' >&2; exit 1; fi

format: setup ## Format the code and mend what the linter can
	@$(BIN)/ruff check --fix-only --quiet && $(BIN)/ruff format --quiet

# -- tidy --------------------------------------------------------------------------------------------------------------

clean: cluster-down ## Remove data/ and what was built; .venv and jars stay
	@rm -rf data dist build .cluster spark-warehouse metastore_db derby.log
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

clean-all: clean ## Remove .venv and jars as well
	@rm -rf .venv .superset jars .setup.lock
