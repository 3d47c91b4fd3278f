# Development habits are commands; `make` lists them.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test check lint types layers fuzz proof bench docs pins grammar clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: ## make .venv and install what is needed (system packages by apt when root)
	@.ci/setup

demo: setup ## judge and install real installers in quarantine
	@examples/demo

test: setup check ## what must pass: lint, types, layers, all tests
	$(PYTHON) -m pytest -q -m "not proof and not alone" --numprocesses 2 --dist worksteal
	$(PYTHON) -m pytest -q -m "alone and not proof"

check: lint types layers

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: setup
	.venv/bin/mypy engine plugins

layers: setup
	.venv/bin/lint-imports

fuzz: setup ## coverage-guided fuzzing of the parser, a minute
	$(PYTHON) -m pip install --quiet --disable-pip-version-check atheris
	$(PYTHON) tests/fuzz/parser.py -max_total_time=60

proof: setup ## the long tests
	$(PYTHON) -m pytest -q -m proof --timeout=3600

bench: setup ## speed, as ratios against peers in the same run
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(PYTHON) tests/bench/run.py

docs: setup ## the parts of docs/ that are generated from code
	$(PYTHON) -m pratique.report > docs/report.schema.json
	$(PYTHON) -m pratique.cli.reference > docs/commands.md

pins: setup ## take the newest versions that pyproject.toml allows, and keep them in .ci/pins.txt
	@.ci/pins

grammar: setup ## the parser's tables, after a change of grammar/policy.lark
	$(PYTHON) -m pratique.policy.tables

clean: ## remove what setup and tests made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .cache build dist
