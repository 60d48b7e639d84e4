"""Transfer: fine-tuning runs of every task, from pre-trained weights or from a random start.

INPUTS:  weights.pt of the pre-training replicate of the same number (cycled if there are fewer;
         none for scratch), the task's store; region proposals for action; manifest and label set
         where a task learns a subset's labels
OUTPUTS: results/transfer/{task}/{arch}/{subset}/rep{rep}/{metrics.json,history.csv,images.csv.gz};
         state.pt next to them while it runs
"""


include: "lookups/transfer.smk"


rule finetune_classification:
    input:
        store=store_of_task,
        weights=first_weights,
        manifest=manifest_of_task,
        label_set=label_set_of_task,
    output:
        metrics="results/transfer/{task}/{arch}/{subset}/rep{rep}/metrics.json",
        history="results/transfer/{task}/{arch}/{subset}/rep{rep}/history.csv",
        images="results/transfer/{task}/{arch}/{subset}/rep{rep}/images.csv.gz",
    log:
        "logs/finetune_classification/{task}/{arch}/{subset}/rep{rep}.log",
    benchmark:
        "logs/benchmarks/finetune_classification/{task}/{arch}/{subset}/rep{rep}.tsv"
    wildcard_constraints:
        task=any_of(study.tasks_of_kind("classification")),
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        settings=params_of(study.transfer_settings, "task", "arch", "rep"),
        network=first_network,
    script:
        "../scripts/finetune.py"


use rule finetune_classification as finetune_detection with:
    input:
        store=store_of_task,
        weights=first_weights,
    log:
        "logs/finetune_detection/{task}/{arch}/{subset}/rep{rep}.log",
    benchmark:
        "logs/benchmarks/finetune_detection/{task}/{arch}/{subset}/rep{rep}.tsv"
    wildcard_constraints:
        task=any_of(study.tasks_of_kind("detection")),


use rule finetune_classification as finetune_action with:
    input:
        store=store_of_task,
        weights=first_weights,
        proposals=proposals_of_task,
    log:
        "logs/finetune_action/{task}/{arch}/{subset}/rep{rep}.log",
    benchmark:
        "logs/benchmarks/finetune_action/{task}/{arch}/{subset}/rep{rep}.tsv"
    wildcard_constraints:
        task=any_of(study.tasks_of_kind("action")),
