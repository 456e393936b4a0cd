# The whole set-up and the daily jobs. `make help` lists them.
#
#   make demo PYTHON=python3.12      another Python than the first suitable one on PATH
#   make test PYTEST_ARGS='-k envelope -x'     TEST_PROCESSES=0 runs them in one process, one after the other
#   make install TORCH_INDEX=https://download.pytorch.org/whl/cpu   where torch comes from

VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH ?= torch==2.13.0
ROBOSUITE ?= robosuite==1.5.2
PUSHT ?= gym-pusht==0.1.8
HIL ?= gym-hil==0.1.14
OPENPI ?= openpi-client==0.1.2
TORCH_INDEX ?=
EXTRAS ?= all,dev
PYTEST_ARGS ?=
TEST_PROCESSES ?= 2
DEMO_ARGS ?=

export MUJOCO_GL ?= egl
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-slow check format bench bench-learning clean distclean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'

install: $(STAMP)  ## Make .venv and install everything (again only when pyproject.toml changed)

# torch comes first, so that its pinned build decides what the rest resolves against. robosuite comes last and
# without its dependencies: it pins a mink that would force numpy below 2, as openpi-client (a test client) does itself;
# gym-pusht would bring a second opencv, gym-hil libraries for keyboards and gamepads that are not used here.
$(STAMP): pyproject.toml
	@PYTHON="$(PYTHON)" sh tools/make_venv.sh $(VENV)
	@echo "==> $(TORCH)"
	@$(BIN)/python -m pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH)"
	@echo "==> robot_rl[$(EXTRAS)], editable"
	@$(BIN)/python -m pip install --quiet -e ".[$(EXTRAS)]"
	@echo "==> $(ROBOSUITE)"
	@$(BIN)/python -m pip install --quiet --no-deps "$(ROBOSUITE)" "$(PUSHT)" "$(HIL)" "$(OPENPI)"
	@touch $@
	@echo "==> installed in $(VENV); '$(BIN)/robot-rl doctor' says what this machine still lacks"

demo: install  ## Run the whole loop: record, train, deploy with interventions, retrain, evaluate; writes runs/<stamp>/report.html
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/robot-rl demo $(DEMO_ARGS)

test: install  ## Run the quick tests (under 10 minutes on 2 cores)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

test-slow: install  ## Run the tests marked slow (wheel in an empty environment, long soaks)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

check: install  ## Static checks: ruff, mypy, the layer rule; all three run, whichever fails
	@failed=; \
	echo "==> ruff"; $(BIN)/ruff check --output-format concise . || failed=1; \
	echo "==> mypy"; $(BIN)/mypy || failed=1; \
	echo "==> import-linter"; $(BIN)/lint-imports --no-cache || failed=1; \
	[ -z "$$failed" ]

format: install  ## Apply ruff's fixes and formatting to the files that differ from the last commit
	@files="$$(git diff --name-only --diff-filter=d HEAD -- '*.py')"; \
	if [ -n "$$files" ]; then $(BIN)/ruff check --fix $$files; $(BIN)/ruff format $$files; fi

LEARNING := benchmarks/improvers.py benchmarks/imitation.py

bench: install  ## Run every benchmark of speed; JSON in benchmarks/results, tables in benchmarks/README.md
	@for script in $(filter-out $(LEARNING) benchmarks/table.py,$(wildcard benchmarks/[a-z]*.py)); do \
	  echo "==> $$script"; $(BIN)/python "$$script" || exit 1; \
	done
	@$(BIN)/python benchmarks/table.py

bench-learning: install  ## Train what the tables of success are made of; hours, resumed where it stopped
	@for script in $(LEARNING); do \
	  echo "==> $$script"; $(BIN)/python "$$script" || exit 1; \
	done
	@$(BIN)/python benchmarks/table.py

clean:  ## Remove caches and build outputs; keeps .venv, runs and data
	@rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	@find robot_rl tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean  ## Also remove .venv
	@rm -rf $(VENV)
