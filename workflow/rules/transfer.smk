"""Transfer: fine-tuning runs of every task, from pre-trained weights or from a random start.

INPUTS:  results/pretrain/{arch}/{subset}/weights.pt (none for scratch), the task's store
OUTPUTS: results/transfer/{task}/{arch}/{subset}/rep{rep}/{metrics.json,history.csv}; state.pt beside them while it runs
"""


rule finetune_classification:
    input:
        store=store_of_task,
        weights=first_weights,
    output:
        metrics="results/transfer/{task}/{arch}/{subset}/rep{rep}/metrics.json",
        history="results/transfer/{task}/{arch}/{subset}/rep{rep}/history.csv",
    log:
        "logs/finetune_classification/{task}/{arch}/{subset}/rep{rep}.log",
    benchmark:
        "benchmarks/finetune_classification/{task}/{arch}/{subset}/rep{rep}.tsv"
    wildcard_constraints:
        task=any_of(tasks_of_kind("classification")),
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        settings=transfer_params,
    script:
        "../scripts/finetune_classification.py"


rule finetune_detection:
    input:
        store=store_of_task,
        weights=first_weights,
    output:
        metrics="results/transfer/{task}/{arch}/{subset}/rep{rep}/metrics.json",
        history="results/transfer/{task}/{arch}/{subset}/rep{rep}/history.csv",
    log:
        "logs/finetune_detection/{task}/{arch}/{subset}/rep{rep}.log",
    benchmark:
        "benchmarks/finetune_detection/{task}/{arch}/{subset}/rep{rep}.tsv"
    wildcard_constraints:
        task=any_of(tasks_of_kind("detection")),
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        settings=transfer_params,
    script:
        "../scripts/finetune_detection.py"
