"""The study behind the config, wildcards, GPUs, and the look-ups that several rule files share.

The look-ups of one file are in lookups/, as Snakemake's linter wants functions apart from rules.

INPUTS:  config (a study: config.yaml, configs/*.yaml)
OUTPUTS: `study`, a checked imagenet_transfer.study.study.Study; paths; input and params functions
"""

import re
import sys
from pathlib import Path

from imagenet_transfer.data.shared_stores import check_shared, check_shared_proposals
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.models import feature_layers
from imagenet_transfer.running.jobs import check_folder, count_gpus, prepare_environment
from imagenet_transfer.study.config_file import (
    check_owner,
    place_of_classes,
    place_of_labels,
    read_config,
)
from imagenet_transfer.study.defaults import completed
from imagenet_transfer.study.path_checks import check_paths
from imagenet_transfer.study.runs import TransferRun
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.measures import AUGMENTATIONS, NONE

SCHEMA = f"{workflow.current_basedir}/../schemas/config.schema.yaml"

# Paths that the study is checked with


def folder_of(run):
    """Return the folder of a pre-training or fine-tuning run."""
    network = f"{run.architecture}/{run.subset}/rep{run.replicate}"
    is_transfer = isinstance(run, TransferRun)
    return (
        f"results/transfer/{run.task}/{network}" if is_transfer else f"results/pretrain/{network}"
    )


def run_metrics(run):
    """Return the metrics file of a pre-training or fine-tuning run."""
    return f"{folder_of(run)}/metrics.json"


def store_file(dataset):
    """Return the file that says what a data set's store holds."""
    return f"stores/{dataset}/meta.json"


# The study

prepare_environment(forks=workflow.is_main_process and workflow.local_exec)


def folders_of_data(checked):
    """Return the folders of the data sets of a study: rendered images, stores, proposals."""
    rendered = ["data", "data/miniature"] if checked.rendered_parts() else []
    made = [f"{folder}/{name}" for folder in ("stores", "proposals") for name in checked.datasets]
    return rendered + made


def checked_study():
    """Return the study of the config; raise UserError with what is wrong with it or its folder."""
    for path in workflow.configfiles:
        read_config(path)
    if "classes" in config:
        config["classes"] = place_of_classes(config["classes"], workflow.configfiles)
    if "label_sets" in config:
        config["label_sets"] = place_of_labels(config, workflow.configfiles)
    checked = Study.of(config, SCHEMA)
    config.update(completed(config))
    for folder in folders_of_data(checked):
        check_folder(folder)
    check_owner("results/config.yaml", checked.name)
    check_paths(checked, Path("results"), run_metrics, store_file)
    check_shared({f"stores/{name}": checked.origin_of_store(name) for name in checked.datasets})
    proposing = [name for name, entry in checked.datasets.items() if "proposals" in entry]
    check_shared_proposals(
        {f"proposals/{name}": checked.proposals_settings(name) for name in proposing}
    )
    return checked


study = or_sentence(checked_study)

WITH_DATA = list(filter(study.has_data, study.subsets))  # all but some given networks


def any_of(names):
    """Return a regular expression that matches only the given names."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"


wildcard_constraints:
    dataset=any_of(study.datasets),
    label_set=any_of(study.label_sets),
    subset=any_of([*study.subsets, SCRATCH]),
    arch=any_of(study.architectures),
    task=any_of(study.tasks),
    layer=any_of(feature_layers(study.architectures.values())),
    augmentation=f"(-({any_of({*AUGMENTATIONS} - {NONE})}))?",
    baseline=any_of(study.subsets),
    table=any_of(study.tables()),
    part=any_of(study.rendered_parts()),
    rep=r"[1-9][0-9]*",
    draw=r"(rep([2-9]|[1-9][0-9]+)/)?",


# GPUs and threads

GPUS = count_gpus()


def submitted():
    """Return whether jobs run on a cluster: this workflow, or the one that started it, submits.

    Known only when jobs are planned: Snakemake reads the rules before it chooses an executor. In a
    dry run only `use_threads` tells what was chosen: it is forced where jobs are submitted.
    """
    chosen = workflow.execution_settings is not None
    return not workflow.is_main_process or (chosen and workflow.use_threads)


def gpus(wildcards):
    """Return the GPUs that a training job asks for: one, but none on a machine that has none."""
    return 1 if GPUS or submitted() else 0


def training_threads(wildcards):
    """Return a training job's threads, at most 8, which decode images for its GPU.

    Fewer where the cores must do for several GPUs (--resources gpu=N), so that each has a job; one
    without a GPU, where jobs run side by side instead.
    """
    if submitted() or not GPUS:
        return 8 if submitted() else 1
    used = getattr(workflow.global_resources.get("gpu"), "value", None) or 1
    return max(1, min(8, (workflow.cores or 8) // used))


def all_cores(most):
    """Return a look-up of the threads of a job for all cores here, and `most` on a cluster."""

    def of(wildcards):
        return min(workflow.cores, most) if submitted() else workflow.cores

    return of


# Further paths


def features_file(network, dataset, layer, augmentation=NONE):
    """Return the features of a network's layer for all images of a data set."""
    of = f"{network.architecture}/{network.subset}/rep{network.replicate}"
    return f"embeddings/{of}/{dataset}/{layer}{ending_of(augmentation)}.npy"


def ending_of(augmentation):
    """Return how the names of features end, by their augmentation; those of centre crops do not."""
    return "" if augmentation == NONE else f"-{augmentation}"


def label_set_file(label_set, replicate=1):
    """Return the file of a label set; each replicate draws a random one anew."""
    return f"results/label_sets/{drawn(replicate, study.is_random(label_set))}{label_set}.csv"


def manifest_file(subset, replicate=1, suffix="csv.gz"):
    """Return the manifest of a replicate of a subset, or (suffix "json") its summary."""
    return f"results/manifests/{drawn(replicate, study.is_drawn(subset))}{subset}.{suffix}"


def drawn(replicate, anew):
    """Return the folder of a draw: none for the first, and for what is not drawn anew."""
    return f"rep{replicate}/" if anew and replicate > 1 else ""


def metrics_of(*kinds):
    """Return the metrics files of the runs of all outputs, each once; a kind gives an output's."""
    runs = {run for output in study.outputs for of_output in kinds for run in of_output(output)}
    return sorted(map(run_metrics, runs))


# Look-ups by wildcards


def replicate_of(wildcards):
    """Return the replicate of a run or of a draw."""
    return int(wildcards.get("rep") or wildcards.draw.strip("rep/") or 1)


def params_of(settings, *names):
    """Return a look-up of `settings`, a method of the study, by wildcards; `rep` is a number."""

    def of(wildcards):
        known = {"rep": replicate_of(wildcards)} if "rep" in names else {}
        return settings(*(known.get(name) or wildcards[name] for name in names))

    return of


def output_of(wildcards):
    """Return the output that a table's or a figure's rule makes."""
    return wildcards.get("table") or wildcards.figure


def output_params(wildcards):
    """Return what an output shows and how."""
    return study.output_layout(output_of(wildcards))


def dataset_of_subset(wildcards):
    """Return the data set that a subset's images are drawn from."""
    return study.subsets[wildcards.subset]["dataset"]


def store_of_subset(wildcards):
    """Return the store that a subset's images are drawn from."""
    return store_file(dataset_of_subset(wildcards))


def label_set_of_subset(wildcards):
    """Return the label set of a replicate of a subset, or of a draw of one."""
    return label_set_file(study.subsets[wildcards.subset]["label_set"], replicate_of(wildcards))


def summary_of_subset(wildcards):
    """Return the summary of the manifest that a replicate of a subset is trained on."""
    return manifest_file(wildcards.subset, replicate_of(wildcards), "json")
