"""Pre-training: one network a subset and architecture.

INPUTS:  results/manifests/{subset}.csv.gz, its label set, its store
OUTPUTS: results/pretrain/{arch}/{subset}/{weights.pt,metrics.json,history.csv}; state.pt beside them while it runs
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
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        settings=pretrain_params,
    script:
        "../scripts/pretrain.py"
