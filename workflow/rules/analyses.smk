"""What networks know beyond their labels: features, predictions, induction accuracy.

INPUTS:  results/pretrain/{arch}/{subset}/weights.pt (none for scratch), the subset's store, label
         sets
OUTPUTS: embeddings/{arch}/{subset}/rep{rep}/{dataset}/{layer}{augmentation}.npy, -lengths.npy and
         .json (the augmentation is empty for centre crops, or -mirror),
         results/predictions/{arch}/{subset}/rep{rep}.csv.gz and .json,
         results/induction/{arch}/{subset}/rep{rep}/{baseline}-{layer}.csv and .json
"""


include: "lookups/analyses.smk"


rule embed:
    input:
        store="stores/{dataset}/meta.json",
        weights=weights_of_network,
        first=first_check(
            "embeddings/{arch}/{subset}/rep{rep}/{dataset}/{layer}{augmentation}.json"
        ),
    output:
        features="embeddings/{arch}/{subset}/rep{rep}/{dataset}/{layer}{augmentation}.npy",
        lengths="embeddings/{arch}/{subset}/rep{rep}/{dataset}/{layer}{augmentation}-lengths.npy",
        meta="embeddings/{arch}/{subset}/rep{rep}/{dataset}/{layer}{augmentation}.json",
    log:
        "logs/embed/{arch}/{subset}/rep{rep}/{dataset}/{layer}{augmentation}.log",
    benchmark:
        "logs/benchmarks/embed/{arch}/{subset}/rep{rep}/{dataset}/{layer}{augmentation}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: training_threads
    resources:
        gpu=gpus,
    params:
        settings=features_params,
    script:
        "../scripts/embed.py"


rule predict:
    input:
        store=store_of_subset,
        weights="results/pretrain/{arch}/{subset}/rep{rep}/weights.pt",
        summary=summary_of_subset,
        first=first_check("results/predictions/{arch}/{subset}/rep{rep}.json"),
    output:
        csv="results/predictions/{arch}/{subset}/rep{rep}.csv.gz",
        meta="results/predictions/{arch}/{subset}/rep{rep}.json",
    log:
        "logs/predict/{arch}/{subset}/rep{rep}.log",
    benchmark:
        "logs/benchmarks/predict/{arch}/{subset}/rep{rep}.tsv"
    wildcard_constraints:
        subset=any_of(WITH_DATA),
    conda:
        "../../envs/workflow.yaml"
    threads: training_threads
    resources:
        gpu=gpus,
    params:
        settings=params_of(study.embedding_settings, "arch"),
    script:
        "../scripts/predict.py"


rule induce:
    input:
        store=store_of_subset,
        label_set=label_set_of_subset,
        features=own_features,
        baseline=baseline_features,
        network="results/pretrain/{arch}/{subset}/rep{rep}/metrics.json",
        baseline_network=baseline_metrics,
    output:
        csv="results/induction/{arch}/{subset}/rep{rep}/{baseline}-{layer}.csv",
        meta="results/induction/{arch}/{subset}/rep{rep}/{baseline}-{layer}.json",
    log:
        "logs/induce/{arch}/{subset}/rep{rep}/{baseline}-{layer}.log",
    benchmark:
        "logs/benchmarks/induce/{arch}/{subset}/rep{rep}/{baseline}-{layer}.tsv"
    wildcard_constraints:
        subset=any_of(WITH_DATA),
    conda:
        "../../envs/workflow.yaml"
    threads: training_threads
    resources:
        gpu=gpus,
    params:
        settings=study.analysis_settings(),
    script:
        "../scripts/induce.py"
