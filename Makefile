# The front door. `make run` and `make test` need only Python >= 3.11 and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help install dev run demo test check format lint types imports migrations templates bench secrets lock clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP)-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian and Ubuntu, apt-get install python3-venv"; exit 2; }
	@touch $@

$(STAMP)-run: $(STAMP)-venv pyproject.toml requirements/runtime.txt requirements/build.txt
	@echo "Installing into $(VENV) (once) ..."
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --require-hashes -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP)-dev: $(STAMP)-run requirements/dev.txt
	@echo "Installing the tools for tests and checks (once) ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

install: $(STAMP)-run ## Make .venv with the `tarewatch` command in it
dev: $(STAMP)-dev ## install, and everything that tests and checks need

run: install ## Start web and worker on http://127.0.0.1:8000, data under ./data
	@$(BIN)/tarewatch serve

demo: install ## The same program on made-up data; needs no network
	@$(BIN)/tarewatch demo

test: dev ## All tests that this machine can run
	@$(BIN)/pytest -q -n auto --dist loadgroup

check: dev format lint types imports migrations templates test ## What CI runs

format: dev
	@$(BIN)/ruff format --check .
lint: dev
	@$(BIN)/ruff check .
types: dev
	@$(BIN)/mypy
imports: dev
	@$(BIN)/lint-imports --no-cache
migrations: dev
	@$(BIN)/python -m tests.check_migrations
templates: dev
	@$(BIN)/djlint --lint --quiet templates

bench: dev ## Ratios against baselines measured in the same run
	@$(BIN)/python -m benchmarks

# Compose mounts these files as they are, and the container's user is not yours: so the folder is closed to others,
# the files in it are not.
secrets: ## Random secrets for docker-compose.yml under ./secrets; existing ones stay
	@umask 077 && mkdir -p secrets && chmod 700 secrets
	@random() { od -An -tx1 -N24 /dev/urandom | tr -d ' \n'; }; \
	keep() { test -s "secrets/$$1" || { printf %s "$$2" > "secrets/$$1" && echo "made secrets/$$1"; }; }; \
	keep postgres_password "$$(random)" && \
	keep tarewatch_database_url "postgresql://tarewatch:$$(cat secrets/postgres_password)@db/tarewatch" && \
	keep tarewatch_admin_token "$$(random)" && \
	keep tarewatch_secret_key "$$(random)" && \
	chmod 444 secrets/*

lock: dev ## Renew requirements/*.txt from pyproject.toml
	@$(BIN)/python -m pip -q install uv
	@for group in runtime build dev; do \
	  if [ $$group = runtime ]; then what="pyproject.toml"; else what="--group $$group -c requirements/runtime.txt"; fi; \
	  $(BIN)/uv pip compile $$what --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --no-annotate --upgrade -q -o requirements/$$group.txt; done

clean: ## Remove .venv and caches; data stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
