"""Transfer: fine-tuning runs of every task, from pre-trained weights or from a random start.

What a kind of task reads is listed in imagenet_transfer/training/kinds.py; here are the paths.

INPUTS:  weights.pt of the pre-training replicate of the same number (cycled if there are fewer;
         none for scratch), the task's store; region proposals for action; manifest and label set
         where a task learns a subset's labels
OUTPUTS: results/transfer/{task}/{arch}/{subset}/rep{rep}/{metrics.json,history.csv,images.csv.gz};
         state.pt next to them while it runs
"""

from imagenet_transfer.training.kinds import FROZEN, KINDS


include: "lookups/transfer.smk"


for kind in (kind for kind in KINDS if kind not in FROZEN):

    rule:
        name:
            f"finetune_{kind}"
        input:
            **{name: INPUTS_OF_TASKS[name] for name in KINDS[kind].inputs},
            store=store_of_task,
            weights=first_weights,
            first=first_check(
                "results/transfer/{task}/{arch}/{subset}/rep{rep}/metrics.json",
                params_of(study.transfer_settings, "task", "arch", "rep"),
            ),
        output:
            metrics="results/transfer/{task}/{arch}/{subset}/rep{rep}/metrics.json",
            history="results/transfer/{task}/{arch}/{subset}/rep{rep}/history.csv",
            images="results/transfer/{task}/{arch}/{subset}/rep{rep}/images.csv.gz",
        log:
            f"logs/finetune_{kind}/{{task}}/{{arch}}/{{subset}}/rep{{rep}}.log",
        benchmark:
            f"logs/benchmarks/finetune_{kind}/{{task}}/{{arch}}/{{subset}}/rep{{rep}}.tsv"
        wildcard_constraints:
            task=any_of(study.tasks_of_kind(kind)),
        conda:
            "../../envs/workflow.yaml"
        threads: training_threads
        resources:
            gpu=gpus,
        params:
            settings=params_of(study.transfer_settings, "task", "arch", "rep"),
            network=first_network,
        script:
            "../scripts/finetune.py"
