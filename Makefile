# Everything runs in .venv, which is made on first use. PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Further words for the command: make train ARGS="--trainer.max_epochs 3"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install train test test-slow test-browser lint type bench tensorboard clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Make .venv and install what training needs

train: $(VENV)/.installed ## Train, test and report on handwritten digits, from configs/digits.yaml
	$(BIN)/python main.py fit --config configs/digits.yaml $(ARGS)

test: $(VENV)/.installed-dev ## Run the fast tests
	$(BIN)/python -m pytest -n auto $(ARGS)

test-slow: $(VENV)/.installed-dev ## Run the slow tests
	$(BIN)/python -m pytest -n auto -m slow $(ARGS)

test-browser: $(VENV)/.installed-dev ## Look at TensorBoard and the report in headless Chromium
	$(BIN)/python -m pytest -m browser $(ARGS)

lint: $(VENV)/.installed-dev ## Check style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(VENV)/.installed-dev ## Check types
	$(BIN)/mypy

bench: $(VENV)/.installed ## Compare with named baselines, in one run
	$(BIN)/python -m benchmarks.loader $(ARGS)
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.step

tensorboard: $(VENV)/.installed ## Look at the runs, at http://localhost:6006
	$(BIN)/tensorboard --host localhost --logdir runs $(ARGS)

clean: ## Remove the environment and all caches; runs and data stay
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[lint,test]"
	touch $@
