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
SPARSE  ?=
CHECKPOINT ?=
SEEDS   ?= 10
JOBS    ?= 2
BLOCK   ?= mpu
SHELL_PROJECT ?=

.PHONY: help setup sim trace test check lint unit regress bench quality synth exhaustive formal waves oracle train bitstream clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "  variables: CONFIG=tiny|sim  BLOCKS=k|all  CLIP=name  TIME=t  SPARSE=1  CHECKPOINT=dir  SEEDS=n  JOBS=n  BLOCK=name"

setup: ## make .venv with the pinned tools (every target does this by itself)
	@scripts/setup.sh

sim: setup ## real video tokens through a real DiT block on the RTL, checked bit for bit
	@$(PY) -m host.sim --config $(CONFIG) --blocks $(BLOCKS) $(if $(CLIP),--clip $(CLIP)) $(if $(TIME),--time $(TIME)) \
	  $(if $(filter-out 0,$(SPARSE)),--sparse) $(if $(CHECKPOINT),--checkpoint $(CHECKPOINT))

test: setup check lint unit ## everything that CI runs

check: setup ## generated files are fresh, the mirror rtl/models/tb is whole
	@$(PY) -m scripts.check

lint: setup ## Verilator -Wall and verible on every module, each as its own top
	@$(PY) -m scripts.lint

unit: setup ## models, compiler, one pyuvm environment per block, whole programs
	@$(PYTEST) -n $(JOBS) --dist worksteal

regress: setup ## randomised regressions: SEEDS seeds, coverage merged into one HTML page
	@$(PY) -m scripts.regress --seeds $(SEEDS) --jobs $(JOBS)

bench: setup ## GEMMs on the RTL, the scheduling's ablation, the cycle model, Latte-1 on it, the paper's table: bench/results/
	@$(PY) -m tb.mpu.utilisation
	@$(PY) -m bench.ablation
	@$(PY) -m bench.cycles
	@$(PY) -m bench.latte1
	@$(PY) -m bench.paper
	@$(PY) -m scripts.numbers

trace: setup ## make sim, and its Chrome trace for ui.perfetto.dev: build/reports/trace.json
	@$(PY) -m host.sim --trace --config $(CONFIG) --blocks $(BLOCKS) $(if $(CLIP),--clip $(CLIP)) $(if $(TIME),--time $(TIME)) \
	  $(if $(filter-out 0,$(SPARSE)),--sparse)

quality: setup ## the quality study of activation sparsity: sampling runs, controls, figures; hours, resumable
	@$(PY) -m workloads.quality

synth: setup ## yosys resource estimate, per block
	@$(PY) -m scripts.synth

exhaustive: setup ## all 2^32 pairs of FP16 and the INT8 proof through the DSP-E, resumable (PARTS="int8 significand fp16 neighbours")
	@$(PY) -m tb.dspe.exhaustive $(if $(PARTS),--parts $(PARTS))

formal: setup ## proofs by induction: DSP-E, task queue, dependencies in the scheduler
	@$(PY) -m tb.formal.formal

waves: setup ## waveforms of one block's environment: make waves BLOCK=mpu
	@FVGM_WAVES=1 $(PYTEST) tb/$(BLOCK) -x -q

oracle: setup ## compare with diffusers itself (needs workloads/requirements-train.txt)
	@$(PY) -m workloads.make_golden --check

train: setup ## train the workload: make train CLIPS=dir (needs workloads/requirements-train.txt)
	@$(PY) -m workloads.train --clips $(CLIPS)

bitstream: setup ## Vivado for the Alveo V80: routed checkpoint, with SHELL_PROJECT=x.xpr a device image (needs vivado)
	@SHELL_PROJECT=$(SHELL_PROJECT) $(PY) -m scripts.vivado

clean: ## remove what was built, keep .venv
	@rm -rf build
