# `make run` and `make test` need Python, make and a package index, nothing else.

PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate

.PHONY: run test test-system test-browser chaos screenshots bench coverage lint format lock clean

run: .venv/installed
	@$(BIN)/python -m dev

# One process more than cores, for many tests wait for servers.
PROCESSES := $(shell $(PYTHON) -c 'import os; print(min(os.cpu_count(), 4) + 1)')
PYTEST := -m pytest --numprocesses=$(PROCESSES) --dist=loadgroup $(ARGS)

test: .venv/installed
	@$(BIN)/python $(PYTEST)

# What takes minutes: `make run`, `make bench`, upgrades, the service under what befalls it, and the
# deployments of docker-compose.yaml and docs/scaling.md, as plain processes; CONTRIBUTING.md says
# which of Debian's packages they want.
SLOW := tests/bench tests/dev tests/deployed/operation tests/migrations/upgrading tests/system
test-system: .venv/installed
	@$(BIN)/python -m pytest $(SLOW) $(ARGS)

# The pages in Chromium, which has to be there.
test-browser: .venv/installed
	@$(BIN)/python -m pytest tests/browser $(ARGS)

# Faults strike while clients work, and what they were told is held against what is there. Every
# fault once; `ROUNDS=20` for figures; `ARGS=Redis` for those that are called so.
chaos: .venv/installed
	@$(BIN)/python -m tests.chaos $(ARGS)

# The pictures of the README anew.
screenshots: .venv/installed
	@$(BIN)/python -m pytest tests/browser/screenshots.py

# The service's speed, into bench/RESULTS.md; `USERS=20000 ROUNDS=2 SECONDS=1` is a trial of it.
bench: .venv/installed
	@$(BIN)/python -m bench

# `make test`, slower, and which lines no test ran.
coverage: .venv/installed
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run $(PYTEST)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

# hadolint has a wheel for Linux only.
lint: .venv/installed
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	! test -x $(BIN)/hadolint || $(BIN)/hadolint Dockerfile
	@# B105 takes the names of limits for those of passwords. ruff has both: it knows better, or is
	@# told line by line.
	$(BIN)/bandit --quiet --skip B105,B311 --recursive app migrations gunicorn.conf.py wsgi.py
	@# It asks where pip does, and reads nothing of PIP_CERT.
	REQUESTS_CA_BUNDLE="$${REQUESTS_CA_BUNDLE:-$$PIP_CERT}" $(BIN)/pip-audit --progress-spinner off --disable-pip --require-hashes -r requirements.txt

format: .venv/installed
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

lock: export UV_CUSTOM_COMPILE_COMMAND := make lock
lock: .venv/installed
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-dev.in --output-file requirements-dev.txt

# The data of `make run` stays.
clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage*

.venv/installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.13")'
	@echo 'Installing what requirements-dev.txt lists into .venv'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r requirements-dev.txt
	@touch $@
