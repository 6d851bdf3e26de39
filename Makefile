# Everything that a developer runs, and whoever installs it. A fresh Debian or Ubuntu needs make and
# Python >= 3.11, nothing else: each target first gets what it needs into .venv and .tools, without
# root. Only install and uninstall write elsewhere.
# Options of the demo: make demo DEMO="--miners 1000". Of the benchmarks: make bench BENCH="--only tap".
# What shows how far one machine goes, alone: make bench SCALE=1.

BIN := .venv/bin
TOOL = PATH="$$PATH:$(CURDIR)/.tools/bin"
RUNTIME := .venv/runtime.stamp
DEVELOPMENT := .venv/development.stamp
# How long make soak takes.
SECONDS := 600
# Without git, nothing tells ruff to leave the unpacked tools alone.
SOURCES := . --extend-exclude .tools
# Two processes more than there are processors: the slow tests mostly wait for clocks and sockets. The
# tests of one file stay in one process: they share folders and costly fixtures. tests/conftest.py
# says which files begin first. What is compiled is kept, also where the environment has Python keep
# nothing: to compile all tests takes longer than to run most of them.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $$(($$(nproc) + 2)) \
	--dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install uninstall demo pictures test fast lowest check format boards bench soak tools dist lock upgrade clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install the services on this machine, as units of systemd (as root, or DESTDIR=FOLDER)
	@DESTDIR="$(DESTDIR)" PYTHON="$(PYTHON)" scripts/install.sh $(PARTS)

uninstall: ## Stop the services and remove them from this machine; configuration stays
	@DESTDIR="$(DESTDIR)" scripts/install.sh uninstall

demo: $(RUNTIME) ## Run both services, a simulated fleet and Prometheus; Ctrl-C stops all of it
	@scripts/tools.sh prometheus promtool
	@$(TOOL) exec $(BIN)/python -m scripts.demo $(DEMO)

pictures: $(RUNTIME) ## Take pictures of the demo in Chromium, the README's among them
	@scripts/tools.sh prometheus promtool chromium
	@$(TOOL) $(BIN)/python -m scripts.pictures

test: $(DEVELOPMENT) ## Run every test, end to end included
	@scripts/tools.sh --for-tests
	$(PYTEST) $(if $(CI),--cov)

fast: $(DEVELOPMENT) tools ## Run the tests without the slow part
	$(PYTEST) -m "not slow"

lowest: $(DEVELOPMENT) tools ## Run the fast tests with the lowest versions of the dependencies
	@scripts/lowest.sh

check: $(DEVELOPMENT) ## Check format, lint, types, rules, configurations
	@scripts/tools.sh --for-checks
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(TOOL) scripts/check-configurations.sh

format: $(DEVELOPMENT) ## Format the code, and fix what lint can fix
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

boards: $(DEVELOPMENT) tools ## Draw the boards into grafana/drawing/drawn, to be looked at (needs node, npm, Chromium)
	$(TOOL) grafana/drawing/draw.sh

bench: $(DEVELOPMENT) tools ## Measure speed and size against the alternatives
	@scripts/tools.sh haproxy
	$(TOOL) $(BIN)/python -m benchmarks $(if $(SCALE),--scale) $(BENCH)

soak: $(DEVELOPMENT) tools ## Run hostile peers, accidents and fuzzing for SECONDS (default 600)
	$(TOOL) $(BIN)/python -m tests.soak --seconds $(SECONDS)

tools: ## Fetch Prometheus, promtool, amtool, VictoriaMetrics, Pushgateway, Compose and kubectl
	@scripts/tools.sh

dist: ## Build the archive of sources and the wheel into dist, as a release does
	@$$(scripts/python.sh) -m venv --clear .tools/release
	@.tools/release/bin/pip install --quiet --require-hashes -r requirements-release.lock
	@rm -rf build dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .tools/release/bin/python -m build --no-isolation

lock: ## Re-make the lock files, keeping versions that still fit
	@scripts/lock.sh

upgrade: ## Re-make the lock files with the newest versions
	@scripts/lock.sh --upgrade

clean: ## Remove everything the targets made
	rm -rf .venv .tools .demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* grafana/drawing/node_modules grafana/drawing/drawn deploy/kubernetes/monitoring/rules.yaml

$(RUNTIME): requirements.lock pyproject.toml
	@scripts/environment.sh requirements.lock $@

$(DEVELOPMENT): requirements-dev.lock pyproject.toml
	@scripts/environment.sh requirements-dev.lock $@
