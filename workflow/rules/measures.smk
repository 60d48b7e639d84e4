"""Measures: what a network's features tell as they are, without training it any further.

What a kind of measure reads is listed in imagenet_transfer/training/kinds.py; here are the paths.

INPUTS:  features of the network of the same replicate (of a random start for scratch), for all
         images of the task's data set; its store; manifest and label set where a task learns a
         subset's labels
OUTPUTS: results/transfer/{task}/{arch}/{subset}/rep{rep}/{metrics.json,history.csv,images.csv.gz}
"""

from imagenet_transfer.training.kinds import FROZEN, KINDS


include: "lookups/measures.smk"


for kind in FROZEN:

    rule:
        name:
            f"measure_{kind.replace('-', '_')}"
        input:
            **{name: INPUTS_OF_TASKS[name] for name in KINDS[kind].inputs},
            store=store_of_task,
            features=features_of_task,
        output:
            metrics="results/transfer/{task}/{arch}/{subset}/rep{rep}/metrics.json",
            history="results/transfer/{task}/{arch}/{subset}/rep{rep}/history.csv",
            images="results/transfer/{task}/{arch}/{subset}/rep{rep}/images.csv.gz",
        log:
            f"logs/measure_{kind.replace('-', '_')}/{{task}}/{{arch}}/{{subset}}/rep{{rep}}.log",
        benchmark:
            f"logs/benchmarks/measure_{kind.replace('-', '_')}/{{task}}/{{arch}}/{{subset}}/rep{{rep}}.tsv"
        wildcard_constraints:
            task=any_of(study.tasks_of_kind(kind)),
        conda:
            "../../envs/workflow.yaml"
        threads: training_threads
        resources:
            gpu=gpus,
        params:
            kind=kind,
            settings=params_of(study.transfer_settings, "task", "arch", "rep"),
            network=first_network,
        script:
            "../scripts/measure.py"
