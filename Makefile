# `make grade` and `make test` are all that a newcomer needs; both set up what is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CATALOGUE := grader/locale/ko/LC_MESSAGES/grader
JOBS ?= 2
unexport PYTHONDONTWRITEBYTECODE  # each of the many processes of a test run would compile everything again

.PHONY: grade test test-long test-load test-all test-hostile test-installed test-fast test-twice test-user test-slurm check audit setup messages bands screenshots benchmark benchmark-batch benchmark-cluster benchmark-overhead benchmark-pages benchmark-peers benchmark-replay benchmark-serve benchmark-short endurance imports slowest fuzz clean

grade: setup ## set up and grade the example class
	$(BIN)/grader batch examples/class -o results

ATTACKS := test_information or test_integrity or ordinary_user or server_that_is_killed
PYTEST := $(BIN)/pytest -n $(JOBS) --dist worksteal -q --durations=10 --durations-min=1

test: setup ## every test except long ones, with a sample of their cases
	$(PYTEST)

test-installed: setup ## the installed package and the README's commands, as root and as another user
	$(BIN)/pytest tests/installed -q --all

test-hostile: setup ## every attack, as root, as an ordinary user, and on older kernels
	$(PYTEST) --all tests/hostile
	tests/as_user.sh $(PYTEST) --all tests/hostile --ignore tests/hostile/web
	for abi in 1 2 3 4 5; do $(PYTEST) --all tests/hostile --ignore tests/hostile/web --landlock $$abi || exit; done

test-all: test test-user test-long test-installed ## every test except load, which has its own command

test-long: setup ## what make test leaves out: the other cases, the whole class, browsers, kernels, kills, long audits
	$(PYTEST) --rest -m "not load" --ignore tests/installed

test-load: setup ## rushes, thousands of pages and of submissions, nodes that fail
	$(PYTEST) --all -m load

test-user: setup ## a sample of the attacks as an ordinary user on an old kernel
	tests/as_user.sh $(PYTEST) tests/hostile --landlock 1 -k "$(ATTACKS)"

test-fast: setup ## what needs no server, no kernel and no browser, without attacks
	$(PYTEST) -m "not slow and not sampled" --ignore tests/hostile

test-twice: setup ## the class graded twice, the second time on a loaded machine: the same points and verdicts
	$(BIN)/pytest tests/test_class.py -q --all -k twice

test-slurm: setup ## a class graded by Slurm jobs, on a Slurm of one node; skipped without slurmctld, slurmd and munged
	$(BIN)/pytest tests/grading/test_slurm.py -q --all

check: setup ## lint, format, types and the layers of the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

audit: setup ## test the checks with variants, mistakes and mutants of every solution
	$(BIN)/grader audit --jobs $(JOBS)

benchmark: setup ## one table: costs of grading, grading again and pages, compared with the last run
	$(BIN)/python benchmarks/table.py

benchmark-short: setup ## the same table from fewer runs, in about a minute
	$(BIN)/python benchmarks/table.py --short

benchmark-overhead: setup ## cost of grading on top of the student's own time
	$(BIN)/python benchmarks/overhead.py

imports: setup ## the ten packages whose import takes longest in `grader grade`
	$(BIN)/python tools/imports.py

endurance: setup ## what 2,000 submissions in one batch leave behind
	$(BIN)/python benchmarks/endurance.py

slowest: setup ## how long the slowest hostile submissions hold a worker under the default limits
	$(BIN)/python benchmarks/slowest.py

fuzz: setup ## fuzz the codec and intake, each for SECONDS
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	$(BIN)/python tests/fuzz/fuzz_wire.py -max_total_time=$(or $(SECONDS),60)
	$(BIN)/python tests/fuzz/fuzz_intake.py -max_total_time=$(or $(SECONDS),60)

benchmark-batch: setup ## cost of grading a class, compared with a fresh process per submission
	$(BIN)/python benchmarks/batch.py

benchmark-cluster: setup ## 1 worker against 2, and 100,000 submissions on 200 simulated workers
	$(BIN)/python benchmarks/cluster.py scaling
	$(BIN)/python benchmarks/cluster.py simulate

benchmark-pages: setup ## time for the HTML report of 1,000 students
	$(BIN)/python benchmarks/pages.py

PEERS := nbgrader otter-grader pytest-prairielearn-grader pytest

benchmark-peers: setup $(PEERS:%=.venv-peers/%/.installed) ## grader beside other graders, on the same hand-ins; ARGS=--quick is short
	$(BIN)/python benchmarks/peers/compare.py $(ARGS)

.venv-peers/%/.installed: benchmarks/peers/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

benchmark-replay: setup ## cost of grading again from recorded answers
	$(BIN)/python benchmarks/replay.py

benchmark-serve: setup ## the web pages with real grading: idle, in a rush, with kills, with 3,000 waiting pages
	$(BIN)/python benchmarks/serve.py

bands: setup ## compute the reference losses that reports draw
	$(BIN)/python tools/loss_band.py

screenshots: setup ## take the screenshots in docs/screenshots; needs chromium and chromedriver
	$(BIN)/python tools/screenshots.py

messages: setup ## add new messages to the Korean catalogue
	$(BIN)/pybabel -q extract --sort-output -F babel.cfg -k tr --no-location --omit-header -o $(VENV)/grader.pot .
	$(BIN)/pybabel -q update --omit-header --ignore-obsolete -N -i $(VENV)/grader.pot -o $(CATALOGUE).po -l ko
	$(BIN)/pybabel -q compile -f -i $(CATALOGUE).po -o $(CATALOGUE).mo

setup: $(STAMP) $(CATALOGUE).mo

$(CATALOGUE).mo: $(CATALOGUE).po | $(STAMP)
	$(BIN)/pybabel -q compile -f -i $< -o $@

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==$(shell sed -n 's/^torch==//p' constraints.txt)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) results build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
