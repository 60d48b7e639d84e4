"""The study behind the config, wildcards, and the look-ups that rules share.

INPUTS:  config (a study: config.yaml, configs/*.yaml)
OUTPUTS: `study`, a checked imagenet_transfer.study.Study; input and params functions
"""

import re
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from imagenet_transfer.errors import UserError
from imagenet_transfer.jobs import count_gpus, prepare_environment
from imagenet_transfer.study import SCRATCH, Study, check_owner, read_config

prepare_environment()


def checked_study():
    """Return the study, or stop with the sentences that say what is wrong with its config."""
    try:
        for path in workflow.configfiles:
            read_config(path)
        given = Study.of(config, Path(workflow.basedir) / "workflow/schemas/config.schema.yaml")
        check_owner("results/config.yaml", given.name)
        return given
    except UserError as error:
        raise WorkflowError(str(error)) from None


study = checked_study()


onstart:
    Path("results").mkdir(exist_ok=True)
    Path("results/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def any_of(names):
    """Return a regular expression that matches the given names alone."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"


wildcard_constraints:
    dataset=any_of(study.datasets),
    label_set=any_of(study.label_sets),
    subset=any_of([*study.subsets, SCRATCH]),
    arch=any_of(study.architectures),
    task=any_of(study.tasks),
    table=any_of(name for name in study.outputs if name.startswith("table")),
    part=any_of(entry["render"] for entry in study.datasets.values() if "render" in entry),
    rep=r"[1-9][0-9]*",


GPUS = count_gpus()
SUBMITTED = not workflow.local_exec


def gpus(wildcards):
    """Return the GPUs that a training job asks for: one, but none on a machine that has none."""
    return 1 if GPUS or SUBMITTED else 0


TRAINING_THREADS = 8 if GPUS or SUBMITTED else 1  # decoding threads for a GPU; on a CPU jobs run side by side instead


def transfer_metrics(output):
    """Return the metrics files of the fine-tuning runs of an output."""
    return [
        f"results/transfer/{run.task}/{run.architecture}/{run.subset}/rep{run.replicate}/metrics.json"
        for run in study.transfer_runs(output)
    ]


def pretrained_metrics():
    """Return the metrics files of all pre-training runs, each once."""
    runs = {run for output in study.outputs for run in study.pretrain_runs(output)}
    return sorted(f"results/pretrain/{run.architecture}/{run.subset}/metrics.json" for run in runs)


def all_metrics():
    """Return the metrics files of all runs, each once."""
    return pretrained_metrics() + sorted({path for output in study.outputs for path in transfer_metrics(output)})


def table_files():
    """Return the tables that the study declares, as CSV and as Markdown."""
    return [f"results/{name}.{suffix}" for name in study.outputs for suffix in ("csv", "md")]


def all_outputs():
    """Return everything that the study declares."""
    pictures = ["results/miniature.png"] if study.miniature else []
    return [*table_files(), "results/runs.csv", *pictures]


def rendered_part(wildcards):
    """Return the marker of the rendered part that a data set lies in, if it is rendered."""
    part = study.datasets[wildcards.dataset].get("render")
    return f"data/miniature/{part}.json" if part else []


def render_params(wildcards):
    return study.render_slice(wildcards.part)


def store_params(wildcards):
    return study.store_slice(wildcards.dataset)


def label_set_params(wildcards):
    return study.label_set_slice(wildcards.label_set)


def manifest_params(wildcards):
    return study.manifest_slice(wildcards.subset)


def store_of_subset(wildcards):
    """Return the store that a subset's images are drawn from."""
    return f"stores/{study.subsets[wildcards.subset]['dataset']}/meta.json"


def label_set_of_subset(wildcards):
    """Return the label set of a subset."""
    return f"results/label_sets/{study.subsets[wildcards.subset]['label_set']}.csv"


def pretrain_params(wildcards):
    return study.pretrain_slice(wildcards.arch, wildcards.subset)


def tasks_of_kind(kind):
    return [name for name, entry in study.tasks.items() if entry["kind"] == kind]


def store_of_task(wildcards):
    """Return the store of a task's images."""
    return f"stores/{study.tasks[wildcards.task]['dataset']}/meta.json"


def first_weights(wildcards):
    """Return the weights that fine-tuning starts from; none for a random start."""
    if wildcards.subset == SCRATCH:
        return []
    return f"results/pretrain/{wildcards.arch}/{wildcards.subset}/weights.pt"


def transfer_params(wildcards):
    return study.transfer_slice(wildcards.task, wildcards.arch, wildcards.subset, int(wildcards.rep))


def table_metrics(wildcards):
    return transfer_metrics(wildcards.table)


def table_manifests(wildcards):
    """Return the manifest summaries of a table's subsets."""
    subsets = sorted(set(study.subsets_of(wildcards.table)) - {SCRATCH})
    return [f"results/manifests/{subset}.json" for subset in subsets]


def table_params(wildcards):
    return study.table_slice(wildcards.table)
