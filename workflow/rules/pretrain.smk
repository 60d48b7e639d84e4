"""Pre-training: one network a subset and architecture, trained or (`weights` in the config) given.

INPUTS:  results/manifests/{subset}.csv.gz, its label set, its store; for a given network its files, whose checksums are
         params: no result depends on where they lie
OUTPUTS: results/pretrain/{arch}/{subset}/{weights.pt,metrics.json}; history.csv of a trained network, and state.pt
         beside them while it runs
"""


rule pretrain:
    input:
        store=store_of_subset,
        label_set=label_set_of_subset,
        manifest="results/manifests/{subset}.csv.gz",
        summary="results/manifests/{subset}.json",
    output:
        weights="results/pretrain/{arch}/{subset}/weights.pt",
        metrics="results/pretrain/{arch}/{subset}/metrics.json",
        history="results/pretrain/{arch}/{subset}/history.csv",
    log:
        "logs/pretrain/{arch}/{subset}.log",
    benchmark:
        "benchmarks/pretrain/{arch}/{subset}.tsv"
    wildcard_constraints:
        subset=any_of(set(study.subsets).difference(GIVEN)),
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        settings=pretrain_params,
    script:
        "../scripts/pretrain.py"


rule import_network:
    output:
        weights="results/pretrain/{arch}/{subset}/weights.pt",
        metrics="results/pretrain/{arch}/{subset}/metrics.json",
    log:
        "logs/import_network/{arch}/{subset}.log",
    benchmark:
        "benchmarks/import_network/{arch}/{subset}.tsv"
    wildcard_constraints:
        subset=any_of(GIVEN),
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=given_params,
        files=given_files,
    script:
        "../scripts/import_network.py"
