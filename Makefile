# make demo and make test are the two commands; both set up .venv first.
# PYTHON: the newest that runs and can make an environment; what lies on the path may be a shim of one that is not there.
USABLE := import ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(shell for python in $$(which -a python3.14 python3.13 python3.12 python3.11 python3 2>/dev/null); \
	do $$python -c '$(USABLE)' 2>/dev/null && echo $$python; done))
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: install demo serve-demo test test-cluster test-browser test-slow lint bench bridges docs lock clean

install: $(VENV)/installed

$(VENV)/installed: requirements.lock pyproject.toml setup.py
	@$(BIN)/python -c '' 2>/dev/null || { python="$(PYTHON)"; test "$$python" && $$python -c '$(USABLE)' && \
		$$python -m venv --clear $(VENV); } || { echo "Poolwise needs Python 3.11 or newer with its venv module" \
		"(Debian: apt install python3-venv), or name one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	@mkdir -p runs && rm -f runs/demo.db runs/demo.db-wal runs/demo.db-shm
	@$(BIN)/poolwise run configs/z3.toml --store sqlite:///runs/demo.db --report runs/demo.html

# The service with its console, and the live prover as a client of it; until Ctrl-C.
serve-demo: install
	@$(BIN)/python examples/service/served_prover.py

test: lint
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

# What runs on Ray, on a cluster of this machine that the tests start and stop: 80 MB to install, half a minute to run.
test-cluster: install
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[ray,privacy]'
	@$(BIN)/python -m pytest -m cluster tests/compute tests/refit/test_archive.py

# The console in a real browser, where there is a Chromium (Debian: apt install chromium); takes docs/console.png.
test-browser: install
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[browser]'
	@$(BIN)/python -m pytest -m slow tests/service/test_console_browser.py

test-slow: bridges test-cluster test-browser
	@$(BIN)/python -m pytest -n $(WORKERS) -m slow
	@$(BIN)/python -m benchmarks.calibration.sbc --json benchmarks/results/sbc.json
	@$(BIN)/python -m benchmarks.calibration.coverage --json benchmarks/results/coverage.json

# Whether two types can be joined may depend on the order of a set in mypy: one order, so that all machines agree.
lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@PYTHONHASHSEED=0 $(BIN)/mypy

# make bench NAME=replay measures one benchmark anew into benchmarks/results; without NAME it lists them all.
bench: install
	@$(BIN)/python -m benchmarks.registry $(NAME)

# Optuna, Kernel Tuner and MLflow, which the integrations are tested against, what tries the service with all that its
# description allows, and what builds the site.
bridges: install
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[docs,fuzz]'

# The site of docs/, with the API from docstrings, in build/site.
docs: bridges
	@$(BIN)/python -m mkdocs build --strict --quiet

# One lock for every Python; needs uv. Markers give each Python the newest versions that support it.
lock:
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --upgrade --no-header \
		--no-annotate --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
