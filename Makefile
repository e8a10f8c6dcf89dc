# Every target sets up what it needs by itself; `make` alone prints the list.
.DEFAULT_GOAL := help
.PHONY: help setup demo test slow check lint types floors format coverage bench

bin := .venv/bin
ARGS ?=

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## make .venv and install everything into it (done at most once by the other targets)
	@scripts/setup

demo: setup ## run the main job on real input, kill it midway, watch it go on
	@scripts/demo

# One process: the tests start programs and measure them, and a second pytest would disturb the figures.
test: setup ## run the tests (ARGS='-k words -x' go to pytest)
	@$(bin)/python -m pytest $(ARGS)

slow: setup ## run the tests that take minutes
	@$(bin)/python -m pytest -m slow $(ARGS)

check: lint types floors test ## everything that must hold before a commit

lint: setup ## look for mistakes, bad form and misspellings
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/codespell
	@$(bin)/validate-pyproject pyproject.toml

types: setup ## check the types
	@$(bin)/mypy

floors: setup ## check that imports go down only
	@$(bin)/lint-imports

format: setup ## bring the code into form
	@$(bin)/ruff check --fix
	@$(bin)/ruff format

coverage: setup ## run the tests and show the lines they miss, child processes included
	@$(bin)/coverage erase
	@$(bin)/coverage run -m pytest $(ARGS)
	@$(bin)/coverage combine -q
	@$(bin)/coverage report

bench: setup ## measure, beside Celery and Redis in the same run
	@$(bin)/python -m benchmarks $(ARGS)
