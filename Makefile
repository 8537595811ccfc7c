# Needs Python 3.11 or newer, pip and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test slow check native wheel bench oracle clean

demo: .venv/installed
	$(BIN)/kerato demo

# Ten thousand programs are compiled once and hardly run: XLA's faster compiler of fused loops, whose programs are
# slower. `make slow`, or pytest by itself, tests what users get.
test: export XLA_FLAGS ?= --xla_cpu_use_fusion_emitters=false
test: .venv/installed-dev
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

slow: .venv/installed-dev
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile || [ $$? -eq 5 ]  # 5: there is none

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

native: .venv/installed-dev
	@case "$$(uname -sm)" in \
	  "Linux x86_64") $(INSTALL) ".[native]" && $(BIN)/python -m kerato.kernels.native.build ;; \
	  *) echo "native kernels: only for Linux on x86-64; the portable ones compute" ;; \
	esac

# With the native kernels in it where $ONEDNN_ROOT, or the system, has oneDNN; pure Python elsewhere.
wheel: .venv/made
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist/*.whl

bench: .venv/installed-dev
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/run.py $(BENCH)

oracle: .venv/installed-dev
	$(BIN)/python oracle/signatures.py
	$(BIN)/python oracle/run.py

clean:
	rm -rf .venv .bench build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: .venv/made pyproject.toml constraints.txt
	$(INSTALL) ".[image]"
	@touch $@

.venv/installed-dev: .venv/made pyproject.toml constraints.txt
	$(INSTALL) ".[dev]"
	@touch $@ .venv/installed

.venv/made:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "Kerato needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@
