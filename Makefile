# Two commands do everything: `make demo` runs valtui on real digits, `make test` checks it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RIVALS := $(VENV)/.rivals

.PHONY: demo test test-fast lint format bench install clean

demo: $(STAMP)
	@if [ -t 1 ]; then exec $(BIN)/valtui run batch-size; \
	else exec $(BIN)/valtui run batch-size --epochs 1 --plain; fi

test: $(STAMP) lint
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

test-fast: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

lint: $(STAMP)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

format: $(STAMP)
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

bench: $(RIVALS)
	@$(BIN)/python -m bench

install: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) scripts/install.py $(VENV)

$(RIVALS): $(STAMP)
	@echo "installing what is measured against ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[demo,dev,bench]"
	@touch $(RIVALS)

clean:
	@rm -rf $(VENV)
