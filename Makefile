# make demo and make test are the two commands; both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

.PHONY: install demo test test-slow lint bench clean

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Poolwise needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: install
	@mkdir -p runs && rm -f runs/demo.db runs/demo.db-wal runs/demo.db-shm
	@$(BIN)/poolwise run configs/z3.toml --store sqlite:///runs/demo.db --report runs/demo.html

test: lint
	@$(BIN)/python -m pytest -n $(WORKERS)

test-slow: install
	@$(BIN)/python -m pytest -n $(WORKERS) -m slow
	@$(BIN)/python benchmarks/sbc.py --json benchmarks/results/sbc.json
	@$(BIN)/python benchmarks/coverage.py --json benchmarks/results/coverage.json

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: install
	@for name in posterior policy store engine scaling safety; do \
		$(BIN)/python benchmarks/$$name.py --json benchmarks/results/$$name.json || exit 1; done

clean:
	rm -rf .venv runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
