# Two commands do everything: `make run` and `make test`. The rest is for those who work on the code.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
ARGS ?=

# Where it is set, every process compiles all it imports anew: TensorFlow then takes 14 seconds instead of 6.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install run test check lock starter bench chaos audit

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

# Three at once: most tests wait for something more than they compute. A file stays together, for its fixtures; which come
# first stands in tests/conftest.py.
test: install
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -q tests/docs

# PyTorch and OpenVINO stay out of .venv. PyTorch's CPU build is a file of its own for each platform, found where pip is
# told to look (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL); without it the rest is measured.
BENCH := .venv-bench/bin/python
.venv-bench/installed: locks/bench.txt locks/torch.txt
	test -x $(BENCH) || $(PYTHON) -m venv .venv-bench
	$(BENCH) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r locks/bench.txt
	$(BENCH) -m pip install --quiet --disable-pip-version-check --no-deps -r locks/torch.txt \
	  || echo 'PyTorch was not found: set PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL to where its CPU builds are'
	touch $@

bench: install .venv-bench/installed
	QUICK=$(QUICK) DATA=$(DATA) THREADS=$(THREADS) PAGE=$(PAGE) $(BIN)/python -m tests.bench $(ARGS)

# RUN: some of kills broker slack swap input soak, else all; QUICK=1: in small; SEED: other chances.
chaos: install
	RUN="$(RUN)" QUICK=$(QUICK) SEED=$(SEED) $(BIN)/python -m tests.chaos $(ARGS)

# Asks PyPI whether a version of the lock has a known vulnerability; what it cannot find out is an error too.
AUDIT := .venv-audit/bin
.venv-audit/installed: locks/audit.txt
	test -x $(AUDIT)/python || $(PYTHON) -m venv .venv-audit
	$(AUDIT)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r locks/audit.txt
	touch $@

audit: .venv-audit/installed
	$(AUDIT)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r locks/all.txt -r locks/uv.txt $(ARGS)

starter: install
	$(BIN)/python -m classifier.starter_build $(DATA)

# Names, versions and sha256 only. all.txt decides the versions, the others follow it. Nothing of ours reports to anybody,
# so OpenVINO does without its telemetry package.
RESOLVE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
COMPILE := $(RESOLVE) pyproject.toml
GROUP := $(RESOLVE) --group
lock: install
	$(COMPILE) --all-extras --group base --group dev -o locks/all.txt
	$(COMPILE) --extra bot -c locks/all.txt -o locks/bot.txt
	$(COMPILE) --extra worker --extra admin --group base -c locks/all.txt -o locks/worker.txt
	$(GROUP) install -o locks/uv.txt
	$(GROUP) audit -c locks/all.txt -o locks/audit.txt
	$(GROUP) bench -c locks/all.txt --no-emit-package torch --no-emit-package openvino-telemetry -o locks/bench.txt
