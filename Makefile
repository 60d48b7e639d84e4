# `make table2` and `make test` set up everything they need by themselves.
PYTHON ?= python3
BIN := .venv/bin
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
READY := .venv/ready

.PHONY: table2 all test test-faults test-kills test-slurm lint plan quick clean

table2: $(READY)  ## the main job: Table 2 of the default study
	$(BIN)/snakemake results/table2.csv results/table2.md --cores $(CORES)
	@cat results/table2.md

all: $(READY)  ## everything that the default study declares
	$(BIN)/snakemake --cores $(CORES)

test: lint  ## linters, unit tests, DAG tests and one whole small study
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

plan: $(READY)  ## what a study would compute: make plan CONFIG=configs/paper.yaml
	$(BIN)/snakemake plan --cores 1 --quiet host progress reason rules --directory $(or $(DIRECTORY),.) --configfile $(or $(CONFIG),config.yaml)

test-slurm: $(READY)  ## submission to a real SLURM that the tests start (root; munge slurmctld slurmd slurm-client)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slurm

test-faults: $(READY)  ## full disks, read-only folders, lost and damaged files, signals, clocks (root, to mount): ten minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m faults

test-kills: $(READY)  ## fifty and more random kills of a small study, which change no number: twenty minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m kills -s

quick: $(READY)  ## the tests without whole studies
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not slurm and not kills and not faults"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $(READY)

clean:  ## what the workflow computed (not .venv)
	rm -rf results data/miniature stores proposals embeddings logs .snakemake benchmarks/*/
