# Ratchet. `make demo` and `make test` set up all they need, in .venv, on the first run.
PYTHON := .venv/bin/python
READY := .venv/.ready
JOBS ?= auto
# The tests write many small files and sync them: memory, where there is a gigabyte, is faster than a disk.
TEST_TMP := $(shell [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -1)" -gt 1000000 ] 2>/dev/null \
	&& echo /dev/shm || echo $${TMPDIR:-/tmp})
# Where the demo works; a temporary folder unless you name one.
DEMO_DIR ?=

# Some machines set it; commands that the tests start would compile all their modules each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help dev demo test lint screenshots packages system browser system-vm system-vm-quick bench docs fuzz clean
help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

dev: $(READY) ## Make the virtual environment .venv with everything for development

$(READY): pyproject.toml constraints.txt .ci/setup
	.ci/setup
	@touch $@

demo: $(READY) ## Sign, publish, install, update, attack a simulated device, and roll out to a fleet
	$(PYTHON) tests/demo/demo.py $(if $(DEMO_DIR),--keep "$(DEMO_DIR)")

test: $(READY) ## Run the tests (under a minute, loopback only)
	TMPDIR=$(TEST_TMP) $(PYTHON) -m pytest -n $(JOBS) -p no:schemathesis -m "not (system or vm or vm_slow)"

lint: $(READY) ## ruff with every rule, its formatter, mypy strict
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

screenshots: $(READY) ## Take the pictures of every page of the dashboard anew
	$(PYTHON) tests/browser/screenshots.py

packages: ## Install the Debian packages that the slow tests need (as root)
	.ci/install-packages

system: $(READY) ## The slow tests: real parts, minutes
	$(PYTHON) -m pytest -n $(JOBS) -m system --ignore=tests/browser
	$(MAKE) browser

# By themselves: Playwright leaves an event loop running in its thread, and other tests start their own there.
browser: $(READY) ## The dashboard's journeys in Chromium (minutes)
	$(PYTHON) -m pytest -n $(JOBS) -m system tests/browser

# Two machines at a time, each on a core; their disks and serial lines stay in build/vm/run when a test fails.
VM := $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --basetemp=build/vm/run -o tmp_path_retention_policy=failed tests/vm
system-vm-quick: $(READY) ## A whole machine in QEMU: updates, fallbacks, power cuts, 20 kills (minutes)
	@mkdir -p build/vm
	$(VM) -m vm

system-vm: $(READY) ## The same with 200 kills and all cuts (an hour); VM_KILLS says how many
	@mkdir -p build/vm
	VM_KILLS=$${VM_KILLS:-200} $(VM) -m "vm or vm_slow"

bench: $(READY) ## Measure every figure of docs/reference/figures.md; writes build/bench.json
	$(PYTHON) -m bench

fuzz: $(READY) ## Fuzz every parser of foreign bytes for a minute each
	.venv/bin/pip install --quiet --constraint constraints.txt -e '.[fuzz]'
	for target in tests/fuzz/fuzz_*.py; do $(PYTHON) $$target -max_total_time=60 || exit 1; done

docs: $(READY) ## Run what the documentation says: commands, help texts, links
	$(PYTHON) -m pytest -n $(JOBS) tests/docs

clean: ## Remove what the other targets made
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis
