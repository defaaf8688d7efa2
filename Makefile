# make demo [SECONDS=20]   the whole tree against the built-in simulated exchange, with a live view
# make test                the tests
# make check               format, lint, types, import direction
# make chaos [SECONDS=600] [SEED=1]   random faults against the whole tree under load, and a scorecard
# make bench               speed against a script, what supervision and clients cost; writes docs/performance.md
#                          (about 6 minutes)
# make coverage            the tests with branch coverage, children included
# make setup               only prepares .venv
# make pin                 writes requirements/ anew from pyproject.toml

PYTHON ?= python3
BIN := .venv/bin
# uv where it is installed, else the one that pip puts into .venv.
UV = $$(command -v uv || echo $(BIN)/uv)

.PHONY: setup demo test check bench chaos coverage pin

setup: .venv/.ready

# The stamp is older than the pins or the packaging: make the environment again. Compiled in advance: uv does not, and
# where Python may write no bytecode (PYTHONDONTWRITEBYTECODE, a read-only folder) each start of a process would do it.
.venv/.ready: requirements/dev.txt pyproject.toml
	@echo "preparing .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib protocols actors supervisor upbitd.py \
	  || echo "not all modules could be compiled in advance; those are compiled at each start"
	@touch $@

demo: setup
	@$(BIN)/upbitd demo $(if $(SECONDS),--seconds $(SECONDS))

test: setup
	@$(BIN)/python -m pytest --numprocesses 3 --dist worksteal

# Off: ASYNC114 wants a list of startable functions kept by hand, ASYNC124 forbids a callback that need not wait.
check: setup
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/flake8 --select=ASYNC1,ASYNC2 --ignore=ASYNC114,ASYNC124 protocols actors supervisor upbitd.py
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_import_direction.py

chaos: setup
	@$(BIN)/python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

bench: setup
	@$(BIN)/python -m bench

coverage: setup
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest --numprocesses 3 --dist worksteal
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

pin:
	@$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url pyproject.toml \
	  -o requirements/run.txt
	@$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url pyproject.toml \
	  --group dev -o requirements/dev.txt
	@$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	  --group clients -o requirements/clients.txt
