# All files are created in .venv and .run; nothing outside this folder is changed.
# Variables: ARGS (arguments for pytest, the bench or chaos), PYTHON (the Python that creates .venv),
# S (one service that runs in containers, such as ws), FILE (a backup).

.DEFAULT_GOAL := help
.PHONY: help run doctor test coverage fuzz test-compose lint types check fmt bench bench-compare bench-check bench-scale attack chaos goldens audit pins clean test-toolchains
.PHONY: up metrics down ps logs scale restart update backup restore environment python

CANDIDATES := python3.13 python3.12 python3.11 python3 python
NEW_ENOUGH := 'import sys; sys.exit(sys.version_info < (3, 11))'
FIRST_GOOD := for name in $(CANDIDATES); do $$name -c $(NEW_ENOUGH) && echo $$name && break; done
PYTHON ?= $(eval PYTHON := $(shell ($(FIRST_GOOD)) 2>/dev/null))$(PYTHON)

define NO_PYTHON
Grux needs Python 3.11 or newer, but none is on the PATH. Install it:
  Debian, Ubuntu: apt install python3 python3-venv
  macOS: brew install python
endef
export NO_PYTHON

COMPOSE := docker compose --profile '*'
CHECK_USAGE := Name the revision to compare with: make bench-check A=main
SCALE_USAGE := Name what to run: make bench-scale RUN=sockets, RUN=changes or RUN=masters
COMPARE_USAGE := Name two revisions: make bench-compare A=main~1 B=main

help: ## List the targets
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  make \1 \2/p' $(MAKEFILE_LIST) \
		| awk '{ printf "  make %-13s", $$2; $$1 = $$2 = ""; print }'

run: python ## Start Grux on this machine: with simulated users, or with the bot of DISCORD_TOKEN
	@$(PYTHON) -m services.run.redis_binary --check
	@$(PYTHON) -m services.run.environment services cards
	@.venv/bin/python -m services.run.redis_binary --unless-set
	@exec .venv/bin/python -m services

doctor: python ## Check the setup, and say what to fix
	@$(PYTHON) -m services.run.environment services
	@.venv/bin/python -m services doctor

# Compiled once here, so that a hundred processes of a new checkout do not each do it again.
define PREPARE_TESTS
@.venv/bin/python -m services.run.redis_binary
@.venv/bin/python -m testing.valkey_binary
@.venv/bin/python -m compileall -q services shared simulator bench chaos testing
endef
PYTEST := .venv/bin/python -m pytest --numprocesses 4 --dist worksteal

test: environment ## Run the tests
	$(PREPARE_TESTS)
	@$(PYTEST) $(ARGS)

coverage: environment ## Run the tests, and show which lines they do not reach
	$(PREPARE_TESTS)
	@$(PYTEST) --cov --cov-report=term-missing:skip-covered $(ARGS)

fuzz: environment ## Look for new failures with random input, for some minutes
	$(PREPARE_TESTS)
	@$(PYTEST) -m hypothesis --hypothesis-profile=fuzz $(ARGS)

test-compose: environment ## Start the containers, break them, and check that they recover
	@.venv/bin/python -m pytest -m compose tests/compose $(ARGS)

test-toolchains: environment ## Build the recipes of the docs, and generate clients of the API (needs Node.js)
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m tests.toolchains.prepare
	@.venv/bin/python -m pytest -m toolchains tests/toolchains $(ARGS)

lint: environment ## Check style and format
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@web/npm.sh lint

types: environment ## Check types
	@.venv/bin/python -m mypy

check: lint types test ## Run lint, types and test: all must pass before a merge

fmt: environment ## Format the code
	@.venv/bin/python -m ruff check --fix --exit-zero --quiet .
	@.venv/bin/python -m ruff format .
	@web/npm.sh format

bench: environment ## Measure latency, CPU and memory, in under ten minutes (docs/performance.md)
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m bench $(ARGS)

bench-compare: environment ## Benchmark two revisions alternately: A=rev B=rev
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m bench.compare $(or $(A),$(error $(COMPARE_USAGE))) $(or $(B),$(error $(COMPARE_USAGE))) $(ARGS)

bench-check: environment ## Compare the hot rows with revision A in short form: A=rev
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m bench.compare $(or $(A),$(error $(CHECK_USAGE))) HEAD --short --at-most 1.25 $(ARGS)

bench-scale: environment ## Run Grux in its large form on this machine: RUN=sockets, changes or masters
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m bench.scale $(or $(RUN),$(error $(SCALE_USAGE))) $(ARGS)

chaos: environment ## Inject seeded faults, and check that Grux recovers: SEEDS=1-20 MINUTES=0.25 SHARDS=2 CLUSTER=1
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m chaos --seeds $(or $(SEEDS),1-3) --minutes $(or $(MINUTES),0.25) \
		--shards $(or $(SHARDS),1) $(if $(CLUSTER),--cluster) $(ARGS)

attack: environment ## Attack Grux on this machine, and check what it costs (docs/reliability.md)
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m bench.attack $(ARGS)

goldens: environment ## Render the reference cards of the tests again (tests/cards/goldens)
	@.venv/bin/python -m tests.cards.regenerate

up: ## Start Grux in containers, with the bot of DISCORD_TOKEN in .env or as a demo
	@deploy/up.sh

metrics: ## Start Prometheus and Grafana in containers
	@docker compose --profile metrics up --detach prometheus grafana
	@docker compose --profile metrics port grafana 3000 | sed 's|^|Grafana: http://|'

down: ## Stop the containers; volumes are kept
	@$(COMPOSE) down

ps: ## List the containers and their health
	@$(COMPOSE) ps --all

logs: ## Follow the logs: S=ws for one service
	@$(COMPOSE) logs --follow --tail 50 $(S)

scale: ## Set the number of containers: API=3 WS=3 CARDS=2 GATEWAY=2
	@deploy/scale.sh $(addprefix gateway=,$(GATEWAY)) $(addprefix api=,$(API)) $(addprefix ws=,$(WS)) $(addprefix cards=,$(CARDS))

restart: ## Restart the containers without changes: S=ws for one service
	@$(COMPOSE) restart $(S)

update: ## Build new images, and replace the running containers without downtime
	@deploy/update.sh --pull

backup: ## Write what users have written to a file: FILE=..., by default in backups/
	@deploy/backup.sh $(FILE)

restore: ## Replace what users have written by a backup: FILE=backups/...
	@deploy/restore.sh $(FILE)

audit: python ## Check pinned dependencies for known vulnerabilities (needs the internet)
	@$(PYTHON) -m services.run.audit

pins: python ## Pin the base images to what their tags name now (needs Docker and the internet)
	@$(PYTHON) -m services.run.image_pins

clean: ## Delete everything that the other targets created
	@rm -rf .venv .run .pytest_cache .mypy_cache .ruff_cache .hypothesis web/node_modules tests/toolchains/node_modules tests/lanyard_clients/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment: python
	@$(PYTHON) -m services.run.environment dev

python:
	@test -n '$(PYTHON)' || { echo "$$NO_PYTHON" >&2; exit 1; }
	@$(PYTHON) -c $(NEW_ENOUGH) || { echo "$(PYTHON) is too old: Grux needs Python 3.11 or newer. Choose another with PYTHON=..." >&2; exit 1; }
