# Vedette: needs Debian 12 or newer, or Ubuntu, with python3 (3.11 or newer) and make.
#   make demo [HEADLESS=1]     servers with four demo cameras, and the Smart Client
#   make test                  everything that is checked before a change is accepted
#   make bench NAME=spine ARGS=--json
#   make soak                  the endurance tests at full length: hours

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-$(shell cat pyproject.toml | cksum | cut -d' ' -f1)
CODE   := common server smartclient mgmtclient tests
DEMO   ?= demo-data
WORKERS ?= 2

.PHONY: demo test soak bench lint format types imports docs docs-current clean install system-demo system-test
.DEFAULT_GOAL := help

help:
	@sed -n '2,5s/^# *//p' Makefile
	@echo "also: make lint, format, types, imports, docs, clean"

$(STAMP):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: sudo apt-get install python3 python3-venv"; exit 1; }
	@.ci/environment.sh "$(PYTHON)" "$(VENV)"
	@rm -f $(VENV)/.installed-*
	@touch $@

install: $(STAMP)

system-demo:
	@.ci/system_packages.sh demo $(if $(HEADLESS),headless,)

system-test:
	@.ci/system_packages.sh test

demo: system-demo $(STAMP)
	@exec $(BIN)/python -P -m server.runtime.demo --data $(DEMO) $(if $(HEADLESS),--headless,) $(ARGS)

test: system-test $(STAMP)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory docs-current
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

soak: system-test $(STAMP)
	VEDETTE_SOAK=1 QT_QPA_PLATFORM=offscreen $(BIN)/pytest -s --timeout 0 tests/soak $(ARGS)

bench: $(STAMP)
	@test -n "$(NAME)" || { echo "Which? make bench NAME=spine"; exit 2; }
	@QT_QPA_PLATFORM=$${QT_QPA_PLATFORM:-offscreen} $(BIN)/python -m tests.benchmarks.$(NAME) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports --no-logo

format: $(STAMP)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports --no-logo

docs: $(STAMP)
	$(BIN)/python -m server.runtime.make_docs docs

docs-current: $(STAMP)
	@$(BIN)/python -m server.runtime.make_docs --check docs

clean:
	rm -rf $(VENV) demo-data build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache .coverage tests/artifacts
	find $(CODE) resources -name __pycache__ -type d -prune -exec rm -rf {} +
