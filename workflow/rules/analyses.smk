"""What networks know beyond their labels: features, predictions, induction accuracy.

INPUTS:  results/pretrain/{arch}/{subset}/weights.pt, the subset's store, label sets
OUTPUTS: embeddings/{arch}/{subset}/{layer}.npy and .json, results/predictions/{arch}/{subset}.csv.gz,
         results/induction/{arch}/{subset}/{baseline}-{layer}.csv
"""


rule embed:
    input:
        store=store_of_subset,
        weights="results/pretrain/{arch}/{subset}/weights.pt",
    output:
        features="embeddings/{arch}/{subset}/{layer}.npy",
        meta="embeddings/{arch}/{subset}/{layer}.json",
    log:
        "logs/embed/{arch}/{subset}/{layer}.log",
    benchmark:
        "benchmarks/embed/{arch}/{subset}/{layer}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        settings=embedding_params,
    script:
        "../scripts/embed.py"


rule predict:
    input:
        store=store_of_subset,
        weights="results/pretrain/{arch}/{subset}/weights.pt",
        summary="results/manifests/{subset}.json",
    output:
        csv="results/predictions/{arch}/{subset}.csv.gz",
    log:
        "logs/predict/{arch}/{subset}.log",
    benchmark:
        "benchmarks/predict/{arch}/{subset}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        settings=embedding_params,
    script:
        "../scripts/predict.py"


rule induce:
    input:
        store=store_of_subset,
        label_set=label_set_of_subset,
        features="embeddings/{arch}/{subset}/{layer}.npy",
        baseline="embeddings/{arch}/{baseline}/{layer}.npy",
    output:
        csv="results/induction/{arch}/{subset}/{baseline}-{layer}.csv",
    log:
        "logs/induce/{arch}/{subset}/{baseline}-{layer}.log",
    benchmark:
        "benchmarks/induce/{arch}/{subset}/{baseline}-{layer}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        settings=study.analysis_slice(),
    script:
        "../scripts/induce.py"
