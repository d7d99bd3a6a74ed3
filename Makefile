# Two commands do everything: `make run` and `make test`. The rest is for those who work on the code.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
ARGS ?=

.PHONY: install run test check lock starter

install: .venv/installed

# Wheels only from the lock, each checked against its sha256; the project itself is linked, not copied.
.venv/installed: pyproject.toml locks/uv.txt locks/all.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 " + "install")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r locks/uv.txt
	$(UV) pip install --quiet --no-deps --require-hashes -r locks/all.txt --python $(BIN)/python
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable . --python $(BIN)/python
	touch $@

run: install
	$(BIN)/clfadmin up $(ARGS)

# Three at once: most tests wait for something more than they compute. A file stays together, for its fixtures.
test: install
	$(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -q tests/docs

starter: install
	$(BIN)/python -m classifier.starter_build $(DATA)

# Names, versions and sha256 only. all.txt decides the versions, the others follow it.
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml
lock: install
	$(COMPILE) --all-extras --group base --group dev -o locks/all.txt
	$(COMPILE) --extra bot -c locks/all.txt -o locks/bot.txt
	$(COMPILE) --extra worker --extra admin --group base -c locks/all.txt -o locks/worker.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group install -o locks/uv.txt
