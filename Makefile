# Every target works from a clean clone: it prepares what it needs.  `make` lists them.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
UV_VERSION := 0.13.8

# Which Python to build the environment with: the first of these that is 3.11, 3.12 or 3.13 and has venv.
PYTHON ?= python3 python3.11 python3.12 python3.13
SUITABLE := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

# Compiled once at install, Airflow starts in half the time.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-spark test-warehouses lint format bench lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

install: $(INSTALLED) ## Make .venv with everything pinned in requirements.txt (PYTHON=... chooses the Python)

# The stamp comes last, so an interrupted install is taken up where it broke off.
$(INSTALLED): requirements.txt pyproject.toml
	@if ! $(BIN)/python -c '$(SUITABLE)' 2>/dev/null; then \
		for python in $(PYTHON); do \
			"$$python" -c '$(SUITABLE)' 2>/dev/null && break || python=; \
		done; \
		if [ -z "$$python" ]; then \
			echo "Hindsight needs Python 3.11, 3.12 or 3.13 with its venv module, and none of these is that: $(PYTHON)." >&2; \
			echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make install PYTHON=/path/to/python3.12" >&2; \
			exit 1; \
		fi; \
		echo "Making $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV); \
	fi
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/python -m uv pip install --python $(BIN)/python --compile-bytecode --requirement requirements.txt
	@$(BIN)/python -m uv pip install --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: install ## Watch models of real flights in a real Airflow (EXIT=1: check what is found, then exit)
	@$(BIN)/hindsight demo $(if $(EXIT),--exit)

# A file's tests stay in one process, for they share what they stand on.
WORKERS ?= 2
test: install ## Run the tests in two processes (WORKERS=0: in one; ARGS='-k name' chooses)
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

test-spark: .venv-spark/.installed ## Run a monitor on a cluster of two Spark workers against DuckDB (needs Java 17)
	@.venv-spark/bin/python -m pytest --confcutdir=tests/spark --timeout=900 -rP tests/spark $(ARGS)

test-warehouses: .venv-golden/.installed ## Render every warehouse's statement, and run ClickHouse in-process (REWRITE=1: new files)
	@EVERY_WAREHOUSE=1 REWRITE_GOLDEN=$(REWRITE) .venv-golden/bin/python -m pytest --confcutdir=tests/golden tests/golden $(ARGS)

# Engines and drivers are large and disagree with our pins: they have environments of their own.
.venv-%/.installed: tests/%/requirements.txt | $(INSTALLED)
	@$(BIN)/python -m venv --clear .venv-$*
	@$(BIN)/python -m uv pip install --python .venv-$*/bin/python --compile-bytecode --requirement $<
	@touch $@

lint: install ## Check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: install ## Mend what a machine can mend of style and format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install ## Measure what the design promises to be cheap (ARGS="engine --scale 0.1" chooses)
	@$(BIN)/python bench/run.py $(ARGS)

lock: install ## Resolve requirements.txt anew from pyproject.toml (UPGRADE=1: to the newest versions)
	@$(BIN)/python -m uv pip compile pyproject.toml --universal --python-version 3.11 \
		--extra embedded --extra demo --extra dev $(if $(UPGRADE),--upgrade) \
		--custom-compile-command "make lock" --quiet --output-file requirements.txt
	@grep -vE '^(protobuf|python-dateutil)==' requirements.txt > $(VENV)/pins.txt  # drivers ask for older ones
	@for part in spark golden; do \
		$(BIN)/python -m uv pip compile tests/$$part/requirements.in --constraint $(VENV)/pins.txt --universal \
			--python-version 3.11 --no-annotate --custom-compile-command "make lock" --quiet \
			$(if $(UPGRADE),--upgrade) --output-file tests/$$part/requirements.txt || exit 1; \
	done

clean: ## Remove .venv and caches, but not .hindsight: it holds data
	rm -rf $(VENV) .venv-spark .venv-golden .mypy_cache .pytest_cache .ruff_cache .hypothesis build include/hindsight.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
