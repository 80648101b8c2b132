# `make grade` and `make test` are all that a newcomer needs; both set up what is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2

.PHONY: grade test test-fast check audit setup messages benchmark clean

grade: setup ## set up and grade the example class
	$(BIN)/grader batch examples/class -o results

test: setup ## every test, with the whole class of submissions
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q

test-fast: setup ## the tests that take seconds
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q -m "not slow"

check: setup ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: setup ## the checks themselves: variants, mistakes and mutants of every solution
	$(BIN)/grader audit --jobs $(JOBS)

benchmark: setup ## what grading costs above the student's own time
	$(BIN)/python benchmarks/overhead.py

messages: setup ## take new messages into the Korean catalogue
	$(BIN)/pybabel -q extract -k tr --no-location --omit-header -o $(VENV)/grader.pot grader
	$(BIN)/pybabel -q update --omit-header --ignore-obsolete -N -i $(VENV)/grader.pot -o grader/locale/ko/LC_MESSAGES/grader.po -l ko

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==$(shell sed -n 's/^torch==//p' constraints.txt)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) results build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
