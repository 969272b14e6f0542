# FlightVGM in the open. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PY      := .venv/bin/python
PYTEST  := $(PY) -m pytest

CONFIG  ?= sim
BLOCKS  ?= 0
CLIP    ?=
TIME    ?=
SEEDS   ?= 10
JOBS    ?= 2
BLOCK   ?= mpu

.PHONY: help setup sim test check lint unit regress synth waves oracle train implement clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "  variables: CONFIG=tiny|sim  BLOCKS=k|all  CLIP=name  TIME=t  SEEDS=n  JOBS=n  BLOCK=name"

setup: ## make .venv with the pinned tools (every target does this by itself)
	@scripts/setup.sh

sim: setup ## real video tokens through a real DiT block on the RTL, checked bit for bit
	@$(PY) -m host.sim --config $(CONFIG) --blocks $(BLOCKS) $(if $(CLIP),--clip $(CLIP)) $(if $(TIME),--time $(TIME))

test: setup check lint unit ## everything that CI runs

check: setup ## generated files are fresh, the mirror rtl/models/tb is whole
	@$(PY) -m scripts.check

lint: setup ## Verilator -Wall and verible on every module, each as its own top
	@$(PY) -m scripts.lint

unit: setup ## models, compiler, one pyuvm environment per block, whole programs
	@$(PYTEST) -n $(JOBS) --dist worksteal

regress: setup ## randomised regressions: SEEDS seeds, coverage merged into one HTML page
	@$(PY) -m scripts.regress --seeds $(SEEDS) --jobs $(JOBS)

synth: setup ## yosys resource estimate, per block
	@$(PY) -m scripts.synth

waves: setup ## waveforms of one block's environment: make waves BLOCK=mpu
	@FVGM_WAVES=1 $(PYTEST) tb/$(BLOCK) -x -q

oracle: setup ## compare with diffusers itself (needs workloads/requirements-train.txt)
	@$(PY) -m workloads.make_golden --check

train: setup ## train the workload: make train CLIPS=dir (needs workloads/requirements-train.txt)
	@$(PY) -m workloads.train --clips $(CLIPS)

implement: ## Vivado synthesis, placement and routing for the Alveo V80 (needs vivado on PATH)
	@command -v vivado >/dev/null || { echo "implement: 'vivado' is not on PATH; source its settings64.sh first" >&2; exit 1; }
	@$(MAKE) --no-print-directory setup
	@$(PY) -m scripts.vivado

clean: ## remove what was built, keep .venv
	@rm -rf build
