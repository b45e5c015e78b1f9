# Everything runs from a clean clone with Python 3.11+, git and make; what is needed is installed below the checkout.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MELTANO := .venv-meltano/bin/meltano
TARGETS := .meltano/targets-installed

.PHONY: help demo picture test test-long test-targets test-install test-examples docs test-docs lint format lock dist simulator clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: $(VENV)/installed .venv-meltano/installed ## Simulator, tap and DuckDB through Meltano: two runs, no account needed
	@$(BIN)/python scripts/demo.py --meltano $(MELTANO)

picture: $(VENV)/installed .venv-meltano/installed ## The pictures of the README: the demo once more, and what becomes of a page
	@$(BIN)/python scripts/demo.py --meltano $(MELTANO) --picture docs/demo.svg
	@$(BIN)/python scripts/page_picture.py > docs/page.svg

test: lint $(TARGETS) ## Linter, types, directions of imports, tests
	$(BIN)/pytest --numprocesses 2 --dist loadgroup

test-long: $(VENV)/installed ## Kill it hundreds of times, every fault on every request, more examples: some 20 minutes
	$(BIN)/pytest --numprocesses 2 --long --timeout 600 tests/resilience/test_kill.py tests/resilience/test_faults.py tests/resilience/models tests/project/test_sdk.py

test-targets: $(TARGETS) ## All streams into every target of meltano.yml, flattened too: some minutes
	$(BIN)/pytest --numprocesses 2 --long --timeout 600 tests/targets

test-install: $(VENV)/installed .venv-meltano/installed ## The ways to install the tap, each from nothing
	$(BIN)/pytest -m install --numprocesses 2

test-examples: $(VENV)/installed .venv-meltano/installed .venv-dagster/installed .venv-airflow/installed ## Dagster and Airflow execute examples/ against the simulator
	$(BIN)/pytest examples --timeout 600

docs: $(VENV)/installed .venv-site/installed ## The site with the stream explorer, in build/site; needs Graphviz
	@$(BIN)/python scripts/docs_site.py build/docs $(if $(REPOSITORY),--repository $(REPOSITORY))
	@$(BIN)/python scripts/explorer.py build/docs/explorer/index.html
	@NO_COLOR=1 .venv-site/bin/zensical build --clean --strict

test-docs: docs .venv-meltano/installed ## The site in a headless Chromium: search, choice, links, accessibility
	.venv-site/bin/pytest -m site tests/browser

lint: $(VENV)/installed ## Linter, types and directions of imports, without the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/installed ## Bring the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(VENV)/installed ## Write requirements-dev.txt anew: the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --group dev --generate-hashes \
		--no-annotate --no-emit-index-url --custom-compile-command 'make lock' --output-file requirements-dev.txt pyproject.toml

dist: $(VENV)/installed ## Source distribution and wheel, in dist/
	$(BIN)/uv build --clear --quiet --out-dir dist

simulator: $(VENV)/installed ## ServiceTitan on http://127.0.0.1:8080, for meltano.yml as it stands
	@$(BIN)/servicetitan-simulator

clean: ## Remove what make installed and made, but no data and no bookmarks
	rm -rf build $(VENV) .venv-* .meltano/extractors .meltano/loaders $(TARGETS) output/demo.duckdb* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# uv by pip, since not everyone has it; it then makes the environment exactly what requirements-dev.txt says.
$(VENV)/installed: pyproject.toml requirements-dev.txt
	@echo "Installing the tap and its tools into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# The duckdb that target-duckdb works with has no wheel for Python 3.14.
.venv-meltano/installed: | $(VENV)/installed
	@echo "Installing Meltano into .venv-meltano ..."
	@$(BIN)/uv venv --quiet --clear --no-project --python '>=3.11,<3.14' .venv-meltano
	@$(BIN)/uv pip install --quiet --python .venv-meltano/bin/python 'meltano~=4.4'
	@touch $@

$(TARGETS): meltano.yml .venv-meltano/installed
	@echo "Installing the targets of meltano.yml into .meltano ..."
	@$(MELTANO) --log-level=warning install --plugin-type loaders
	@touch $@

.venv-site/installed: pyproject.toml | $(VENV)/installed
	@echo "Installing what makes and tests the site into .venv-site ..."
	@$(BIN)/uv venv --quiet --clear --no-project .venv-site
	@$(BIN)/uv pip install --quiet --python .venv-site/bin/python --group site --editable .
	@touch $@

.venv-dagster/installed: PACKAGE = dagster~=1.13
.venv-airflow/installed: PACKAGE = apache-airflow~=3.3
.venv-dagster/installed .venv-airflow/installed: .venv-%/installed:
	@echo "Installing $(PACKAGE) into .venv-$* ..."
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check '$(PACKAGE)'
	@touch $@
