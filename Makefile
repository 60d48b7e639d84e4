# `make help` lists the targets. Each sets up what it needs in .venv by itself; plain `make` makes Table 2.
PYTHON ?= python3
BIN := .venv/bin
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
READY := .venv/ready
READY_TEST := .venv/ready-test
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

# Snakemake keeps files below the home folder and ends with a traceback where it cannot.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
ifneq ($(shell mkdir -p $(CACHE)/snakemake 2>/dev/null && test -w $(CACHE)/snakemake && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif

.PHONY: table2 all plan test quick lint test-report test-slurm test-compile test-faults test-kills benchmark gpu-check graph lock clean help

table2: $(READY)  ## the main job: Table 2 of the default study
	$(BIN)/snakemake results/table2.csv results/table2.md --cores $(CORES)
	@cat results/table2.md

all: $(READY)  ## everything that the default study declares
	$(BIN)/snakemake --cores $(CORES)

plan: $(READY)  ## what a study would compute: make plan CONFIG=configs/paper.yaml DIRECTORY=runs/paper
	$(BIN)/snakemake plan --cores 1 --quiet host progress reason rules --directory $(or $(DIRECTORY),.) --configfile $(or $(CONFIG),config.yaml)

test: lint  ## linters, unit tests, DAG tests and one whole small study
	$(PYTEST) -n 2 --dist loadfile

quick: $(READY_TEST)  ## the tests without whole studies
	$(PYTEST) -n 2 --dist loadfile -m "not slow and not slurm and not kills and not faults and not browser and not compiles"

lint: $(READY_TEST)  ## the linters
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

test-report: $(READY_TEST)  ## the report in a headless browser (packages: chromium): three minutes
	$(BIN)/python -m pip install --quiet --editable '.[report-test]'
	$(PYTEST) -m browser

test-slurm: $(READY_TEST)  ## jobs on a SLURM that the tests start (root; packages: docs/cluster.md)
	$(PYTEST) -m slurm

test-compile: $(READY_TEST)  ## networks compiled by torch.compile (a C++ compiler): one minute
	$(PYTEST) -m compiles

test-faults: $(READY_TEST)  ## full disks, lost and damaged files, clocks set back (root, to mount): ten minutes
	$(PYTEST) -m faults

test-kills: $(READY_TEST)  ## a small study killed at fifty or more random moments: twenty minutes
	$(PYTEST) -m kills -s

benchmark: $(READY_TEST)  ## speed next to pinned peers, into benchmarks/README.md: fifteen minutes; PHOTOGRAPHS=folder of class folders
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/run.py $(if $(PHOTOGRAPHS),--photographs $(PHOTOGRAPHS))

gpu-check: $(READY_TEST)  ## what one GPU does with this code, into gpu-check/: ten minutes
	$(BIN)/python benchmarks/gpu_check.py

graph: $(READY)  ## the rules by stages, into docs/design.md and resources/report/rules.svg (needs Graphviz)
	$(BIN)/python docs/make_rule_graph.py

lock: $(READY_TEST)  ## the locked environments (envs/) from the versions in .venv
	$(BIN)/python envs/lock.py

clean:  ## delete what the default study computed (not .venv)
	rm -rf results data/miniature stores proposals embeddings logs .snakemake

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	@echo "Installing PyTorch, Snakemake and what they need into .venv: about 6 GB on disk with PyTorch's"
	@echo "CUDA build, which pip picks on Linux. README.md says how to get the smaller one for CPUs first."
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --editable .
	touch $@

$(READY_TEST): $(READY) pyproject.toml
	@echo "Installing the tools of the tests into .venv: pytest, ruff, snakefmt and Snakemake's SLURM plugin."
	$(BIN)/python -m pip install --editable '.[test]'
	touch $@
