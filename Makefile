# Everything happens in .venv and .run; nothing outside this folder is touched.
# Variables: ARGS (more arguments for pytest or the bench), PYTHON (the Python that makes .venv),
# S (one part of what runs in containers, such as ws).

.DEFAULT_GOAL := help
.PHONY: help run doctor test coverage fuzz test-compose lint types check fmt bench bench-compare chaos goldens audit vendor clean
.PHONY: up metrics down ps logs scale restart update environment python

CANDIDATES := python3.13 python3.12 python3.11 python3 python
NEW_ENOUGH := 'import sys; sys.exit(sys.version_info < (3, 11))'
FIRST_GOOD := for name in $(CANDIDATES); do $$name -c $(NEW_ENOUGH) && echo $$name && break; done
PYTHON ?= $(eval PYTHON := $(shell ($(FIRST_GOOD)) 2>/dev/null))$(PYTHON)

define NO_PYTHON
Grux needs Python 3.11 or newer, and there is none on the PATH.
  Debian, Ubuntu: apt install python3 python3-venv
  macOS: brew install python
endef
export NO_PYTHON

COMPOSE := docker compose --profile '*'

help: ## List the targets
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  make \1 \2/p' $(MAKEFILE_LIST) \
		| awk '{ printf "  make %-13s", $$2; $$1 = $$2 = ""; print }'

run: python ## Run all of it on this machine: with simulated people, or as the bot of DISCORD_TOKEN
	@$(PYTHON) -m services.run.environment services cards
	@.venv/bin/python -m services.run.redis_binary --unless-set
	@exec .venv/bin/python -m services

doctor: python ## Check whether all is set up as it should be, and say what to do
	@$(PYTHON) -m services.run.environment services
	@.venv/bin/python -m services doctor

# Compiled once here, so that a hundred processes of a new checkout do not each do it again.
define PREPARE_TESTS
@.venv/bin/python -m services.run.redis_binary
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

test-compose: environment ## Bring the containers up, break them, and check that they come back
	@.venv/bin/python -m pytest -m compose tests/compose $(ARGS)

lint: environment ## Check style and format
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@web/npm.sh lint

types: environment ## Check types
	@.venv/bin/python -m mypy

check: lint types test ## All three: what has to pass before a change lands

fmt: environment ## Format the code
	@.venv/bin/python -m ruff check --fix --exit-zero --quiet .
	@.venv/bin/python -m ruff format .
	@web/npm.sh format

bench: environment ## Measure what it costs, in less than ten minutes (docs/performance.md)
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m bench $(ARGS)

bench-compare: environment ## Measure two revisions side by side: A=rev B=rev
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m bench.compare $(or $(A),$(error Say A=rev B=rev)) $(or $(B),$(error Say A=rev B=rev)) $(ARGS)

chaos: environment ## Break everything, and check that it comes back: SEEDS=1-20 MINUTES=0.25
	@.venv/bin/python -m services.run.redis_binary
	@.venv/bin/python -m chaos --seeds $(or $(SEEDS),1-3) --minutes $(or $(MINUTES),0.25) $(ARGS)

vendor: environment ## Fetch the viewer of /docs again, as pinned (needs npm)
	@.venv/bin/python -m services.run.vendor

goldens: environment ## Redraw the cards that tests compare with (tests/cards/goldens)
	@.venv/bin/python -m tests.cards.regenerate

up: ## Start it in containers: as the bot of DISCORD_TOKEN in .env, or as a demo without one
	@deploy/up.sh

metrics: ## Start Prometheus and Grafana beside it
	@docker compose --profile metrics up --detach prometheus grafana
	@docker compose --profile metrics port grafana 3000 | sed 's|^|Grafana: http://|'

down: ## End it; what is in its volumes stays
	@$(COMPOSE) down

ps: ## Which containers there are, and whether they are well
	@$(COMPOSE) ps --all

logs: ## What they say, as they say it: S=ws for one part
	@$(COMPOSE) logs --follow --tail 50 $(S)

scale: ## Have more of them, or fewer: API=3 WS=3 CARDS=2 GATEWAY=2
	@deploy/scale.sh $(addprefix gateway=,$(GATEWAY)) $(addprefix api=,$(API)) $(addprefix ws=,$(WS)) $(addprefix cards=,$(CARDS))

restart: ## Restart them as they are: S=ws for one part
	@$(COMPOSE) restart $(S)

update: ## Build the images anew, and replace what runs without a gap
	@deploy/update.sh --pull

audit: python ## Look for known holes in what is pinned: needs the internet
	@$(PYTHON) -m services.run.audit

clean: ## Remove all that the others made
	@rm -rf .venv .run .pytest_cache .mypy_cache .ruff_cache .hypothesis web/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment: python
	@$(PYTHON) -m services.run.environment dev

python:
	@test -n '$(PYTHON)' || { echo "$$NO_PYTHON" >&2; exit 1; }
	@$(PYTHON) -c $(NEW_ENOUGH) || { echo "Python 3.11 or newer is needed: $(PYTHON) is not." >&2; exit 1; }
