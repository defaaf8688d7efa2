# make demo [SECONDS=20]   the whole tree against the built-in simulated exchange
# make test                the tests
# make check               format, lint, types, import direction
# make bench               speed against a hand-written script; writes docs/performance.md
# make setup               only prepares .venv

SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
SECONDS ?=

.PHONY: setup demo test check bench pin coverage clean

setup: .venv/.ready

# The stamp is newer than the pins, or the environment is made again. uv comes by pip where the machine has none.
.venv/.ready: requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	@UV=$$(command -v uv || echo $(BIN)/uv); \
	  VIRTUAL_ENV=$(CURDIR)/.venv $$UV pip install --quiet --require-hashes -r requirements/dev.txt && \
	  VIRTUAL_ENV=$(CURDIR)/.venv $$UV pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/upbitd demo $(if $(SECONDS),--seconds $(SECONDS))

test: setup
	@$(BIN)/python -m pytest

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/flake8 --select=ASYNC --disable-noqa=false protocols actors supervisor
	@$(BIN)/mypy

bench: setup
	@$(BIN)/python -m bench

pin:
	@UV=$$(command -v uv || echo $(BIN)/uv); \
	  $$UV pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url pyproject.toml -o requirements/run.txt && \
	  $$UV pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url pyproject.toml --group dev -o requirements/dev.txt
