# `make demo` and `make test` do everything on a fresh machine that has Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt
# Every extra but the CUDA ones, every dependency group.
EXTRAS := notebooks,calibration,store,app,cluster
GROUPS := --group test --group lint --group bench --group e2e
# One process a core; JAX's own threads make more of them useless.
WORKERS ?= 2

.PHONY: demo test test-long lint format bench bench-stream notebooks docs clean

.venv/runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) pip
	$(PIP) -e .
	touch $@

.venv/all: .venv/runtime
	$(PIP) -e '.[$(EXTRAS)]' $(GROUPS)
	touch $@

demo: .venv/runtime  ## Margin 1,000 generated accounts on the example market.
	$(BIN)/shockgrid generate accounts examples/market.json build/demo/accounts --count 1000
	$(BIN)/shockgrid margin examples/market.json build/demo/accounts --out build/demo/report --html build/demo/report.html

test: .venv/all
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-long: .venv/all
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m long

lint: .venv/all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: .venv/all
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/all  ## Measure, and write benchmarks/results/.
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.pricing
	$(BIN)/python -m benchmarks.replay
	$(BIN)/python -m benchmarks.what_if
	$(BIN)/python -m benchmarks.liquidation
	$(BIN)/python -m benchmarks.paths
	$(BIN)/python -m benchmarks.plots
	$(BIN)/python -m benchmarks.page

bench-stream: .venv/all  ## Ten million accounts from Parquet to Parquet (three minutes, 4 GB of disk).
	$(BIN)/python -m benchmarks.stream --positions 6

notebooks: .venv/all  ## Open the notebooks in JupyterLab.
	$(BIN)/jupytext --sync notebooks/*.py
	$(BIN)/jupyter lab notebooks

docs: .venv/runtime  ## Regenerate what is generated: docs/parameters.md, examples/.
	$(BIN)/python -m shockgrid.report.parameters_page
	$(BIN)/shockgrid generate market examples/market.json
	$(BIN)/shockgrid generate accounts examples/market.json examples/accounts.json --count 12 --seed 21

clean:
	rm -rf .venv build dist
