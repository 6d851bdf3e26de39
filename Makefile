# Everything a developer runs. A fresh Debian or Ubuntu needs make and Python >= 3.11, nothing else:
# each target first gets what it needs into .venv and .tools, without root.
# Options of the demo: make demo DEMO="--miners 1000". Of the benchmarks: make bench BENCH="--only tap".

BIN := .venv/bin
TOOL = PATH="$$PATH:$(CURDIR)/.tools/bin"
RUNTIME := .venv/runtime.stamp
DEVELOPMENT := .venv/development.stamp
# How long make soak takes.
SECONDS := 600
# Without git, nothing tells ruff to leave the unpacked tools alone.
SOURCES := . --extend-exclude .tools
# One process more than there are processors: the slow tests mostly wait for clocks and sockets. The
# tests of one file stay in one process: they share ports, folders and costly fixtures.
PYTEST = $(BIN)/python -m pytest -n $$(($$(nproc) + 1)) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test fast lowest check format bench soak tools lock upgrade clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Run both services, a simulated fleet and Prometheus; Ctrl-C stops all of it
	@scripts/tools.sh prometheus
	@$(TOOL) exec $(BIN)/python -m scripts.demo $(DEMO)

test: $(DEVELOPMENT) ## Run every test, end to end included
	@scripts/tools.sh --for-tests
	$(PYTEST) --cov

fast: $(DEVELOPMENT) tools ## Run the tests without the slow part
	$(PYTEST) -m "not slow"

lowest: $(DEVELOPMENT) tools ## Run the fast tests with the lowest versions of the dependencies
	@scripts/lowest.sh

check: $(DEVELOPMENT) tools ## Check format, lint, types, rules, configurations
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(TOOL) scripts/check-configurations.sh

format: $(DEVELOPMENT) ## Format the code, and fix what lint can fix
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(DEVELOPMENT) tools ## Measure speed and size against the alternatives
	@scripts/tools.sh haproxy
	$(TOOL) $(BIN)/python -m benchmarks $(BENCH)

soak: $(DEVELOPMENT) tools ## Run hostile peers, accidents and fuzzing for SECONDS (default 600)
	$(TOOL) $(BIN)/python -m tests.soak --seconds $(SECONDS)

tools: ## Fetch Prometheus, promtool, amtool, Pushgateway and Compose into .tools
	@scripts/tools.sh

lock: ## Re-make the lock files, keeping versions that still fit
	@scripts/lock.sh

upgrade: ## Re-make the lock files with the newest versions
	@scripts/lock.sh --upgrade

clean: ## Remove everything the targets made
	rm -rf .venv .tools .demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

$(RUNTIME): requirements.lock pyproject.toml
	@scripts/environment.sh requirements.lock $@

$(DEVELOPMENT): requirements-dev.lock pyproject.toml
	@scripts/environment.sh requirements-dev.lock $@
