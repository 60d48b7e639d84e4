"""The study behind the config, wildcards, and the look-ups that rules share.

INPUTS:  config (a study: config.yaml, configs/*.yaml)
OUTPUTS: `study`, a checked imagenet_transfer.study.study.Study; input and params functions
"""

import re
import shlex
import sys
from dataclasses import astuple
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from imagenet_transfer.study.config_file import check_owner, plain, read_config
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_text
from imagenet_transfer.training.imported import checksums
from imagenet_transfer.running.jobs import check_writable, count_gpus, prepare_environment
from imagenet_transfer.models import feature_layers
from imagenet_transfer.running.provenance import digests_of
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.study.study import PretrainRun, Study, TransferRun

prepare_environment(forks=workflow.is_main_process and workflow.local_exec)


def check_given_files(given):
    """Refuse networks that are given where the workflow writes: a job's outputs are deleted before it runs."""
    for subset in filter(given.is_given, given.subsets):
        networks = (run for arch in given.architectures for run in given.networks(arch, subset))
        for arch, path in ((run.architecture, given.given_path(*astuple(run))) for run in networks):
            if Path("results").resolve() in path.resolve().parents:
                raise UserError(
                    f"subsets.{subset}.weights: {path} lies in results/, which the workflow writes; move the file, for "
                    f"example to given/{arch}/{subset}/, and correct the path."
                )


WRITTEN = (".", ".snakemake", "results", "logs")  # by every run, also by Snakemake itself


def checked_study():
    """Return the study, or stop with the sentences that say what is wrong with its config or its folder."""
    try:
        for folder in WRITTEN if workflow.is_main_process else ():
            if Path(folder).is_dir():
                check_writable(folder)
        for path in workflow.configfiles:
            read_config(path)
        given = Study.of(config, Path(workflow.basedir) / "workflow/schemas/config.schema.yaml")
        check_owner("results/config.yaml", given.name)
        check_given_files(given)
        return given
    except UserError as error:
        raise WorkflowError(str(error)) from None


study = checked_study()


def lift_rate_limit():
    """Take away Snakemake's limit of 100 job starts a second, unless the user set another one.

    With a limit, the scheduler of Snakemake 9 starts a timer whenever it looks for jobs, each timer makes it look
    again, and so they never end and grow with every finished job: after 200 jobs they took a quarter of two cores.
    """
    scheduler = getattr(workflow, "scheduler", None)
    limit = getattr(scheduler, "job_rate_limiter", None)
    if limit is not None and (limit.max_jobs, limit.timespan) == (100, 1):
        scheduler.job_rate_limiter = None


onstart:
    lift_rate_limit()
    mark_waiting_results()  # defined in recovery.smk
    write_text(
        "results/config.yaml",
        yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True),
    )


onerror:
    unmark_unharmed_results()


def any_of(names):
    """Return a regular expression that matches only the given names."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"


def outputs_built_by(*builders):
    """Return a regular expression that matches the outputs of these kinds."""
    return any_of(study.built_by(*builders))


def tasks_of_kind(kind):
    """Return a regular expression that matches the tasks of a kind."""
    return any_of(name for name, entry in study.tasks.items() if entry["kind"] == kind)


wildcard_constraints:
    dataset=any_of(study.datasets),
    label_set=any_of(study.label_sets),
    subset=any_of([*study.subsets, SCRATCH]),
    arch=any_of(study.architectures),
    task=any_of(study.tasks),
    layer=any_of(feature_layers(study.architectures.values())),
    baseline=any_of(study.subsets),
    table=outputs_built_by("transfer", "budgets"),
    part=any_of(entry["render"] for entry in study.datasets.values() if "render" in entry),
    rep=r"[1-9][0-9]*",
    draw=r"(rep([2-9]|[1-9][0-9]+)/)?",


GPUS = count_gpus()
SUBMITTED = not workflow.local_exec


def gpus(wildcards):
    """Return the GPUs that a training job asks for: one, but none on a machine that has none."""
    return 1 if GPUS or SUBMITTED else 0


def training_threads():
    """Return a training job's threads: they decode for its GPU, at most 8; on a CPU jobs run side by side instead.

    Fewer where the cores must do for several cards (--resources gpu=N), so that each of them has a job.
    """
    if SUBMITTED or not GPUS:
        return 8 if SUBMITTED else 1
    cards = getattr(workflow.global_resources.get("gpu"), "value", None) or 1
    return max(1, min(8, (workflow.cores or 8) // cards))


TRAINING_THREADS = training_threads()


def folder_of(run):
    """Return the folder of a pre-training or fine-tuning run."""
    if isinstance(run, TransferRun):
        return f"results/transfer/{run.task}/{run.architecture}/{run.subset}/rep{run.replicate}"
    return f"results/pretrain/{run.architecture}/{run.subset}/rep{run.replicate}"


def run_metrics(run):
    """Return the metrics file of a pre-training or fine-tuning run."""
    return f"{folder_of(run)}/metrics.json"


def settings_of(run):
    """Return what a run's record should say that it was computed by."""
    if isinstance(run, TransferRun):
        return study.transfer_slice(run.task, run.architecture, run.replicate)
    if study.is_given(run.subset):
        return study.given_slice(run.architecture)
    return study.pretrain_slice(run.architecture, run.subset, run.replicate)


def learnt_by(run):
    """Return the subset whose images a run learns, and which replicate of it; None without one."""
    if isinstance(run, PretrainRun):
        return None if study.is_given(run.subset) else (run.subset, run.replicate)
    subset = study.tasks[run.task].get("subset")
    return (subset, study.draw_of_task(run.task, run.replicate)) if subset else None


def expected_of(*runs):
    """Return what runs, and the draws that they rest on, should say of themselves (`records.check_records`)."""
    learnt = [draw for draw in dict.fromkeys(map(learnt_by, runs)) if draw]
    label_sets = [(study.subsets[subset]["label_set"], replicate) for subset, replicate in learnt]
    return {
        "runs": {run_metrics(run): expected_run(run) for run in runs},
        "manifests": {manifest_file(*draw, "json"): expected_manifest(*draw) for draw in learnt},
        "label_sets": {label_set_file(*draw): expected_label_set(*draw) for draw in label_sets},
    }


def expected_run(run):
    """Return what a run's record should say."""
    if learnt := learnt_by(run):
        inputs = {
            "store": store_file(study.subsets[learnt[0]]["dataset"]),
            "manifest": manifest_file(*learnt, "json"),
        }
    else:
        inputs = (
            {"store": store_file(study.dataset_of(run.task))}
            if isinstance(run, TransferRun)
            else {}
        )
    given = isinstance(run, PretrainRun) and study.is_given(run.subset)
    origin = study.origin(run) if isinstance(run, TransferRun) else None
    return {
        "settings": digests_of(settings_of(run)),
        "origin": run_metrics(origin) if origin else "",
        "inputs": inputs,
        "files": checksums(study.given_path(*astuple(run)), run_metrics(run)) if given else {},
    }


def expected_manifest(subset, replicate):
    """Return what the summary of a replicate's manifest should say of its draw."""
    draw = study.manifest_slice(subset, replicate if study.is_drawn(subset) else 1)
    return {**draw, "label_set": label_set_file(study.subsets[subset]["label_set"], replicate)}


def expected_label_set(name, replicate):
    """Return what a replicate's label set should be made from."""
    dataset = study.label_sets[name].get("dataset")
    store = store_file(dataset) if dataset else ""
    return {"settings": study.label_set_slice(name, replicate), "name": name, "store": store}


def runs_of(output):
    """Return all runs that an output shows or rests on."""
    return [*study.pretrain_runs(output), *study.transfer_runs(output)]


def all_runs():
    """Return all runs that any output needs, each once."""
    return list(dict.fromkeys(run for output in study.outputs for run in runs_of(output)))


def store_file(dataset):
    """Return the file that says what a data set's store holds."""
    return f"stores/{dataset}/meta.json"


def label_set_file(label_set, replicate=1):
    """Return the file of a label set; each replicate draws a random one anew."""
    return f"results/label_sets/{drawn(replicate, study.is_random(label_set))}{label_set}.csv"


def manifest_file(subset, replicate=1, suffix="csv.gz"):
    """Return the manifest that a replicate of a subset is trained on, or (suffix "json") its summary."""
    return f"results/manifests/{drawn(replicate, study.is_drawn(subset))}{subset}.{suffix}"


def label_set_files():
    """Return the label sets that need no data set, random ones as each replicate draws them."""
    names, replicates = study.label_sets_of_wordnet(), range(1, study.replicates + 1)
    return list(
        dict.fromkeys(label_set_file(name, replicate) for name in names for replicate in replicates)
    )


def manifest_files():
    """Return the manifests of all subsets and replicates."""
    replicates = range(1, study.replicates + 1)
    return list(
        dict.fromkeys(
            manifest_file(name, replicate) for name in study.subsets for replicate in replicates
        )
    )


def drawn(replicate, anew):
    """Return the folder of a draw: the first, and what is not drawn, lie next to those of later replicates."""
    return f"rep{replicate}/" if anew and replicate > 1 else ""


def replicate_of(wildcards):
    """Return the replicate whose draw a label set or a manifest is."""
    return int(wildcards.draw.strip("rep/") or 1)


def all_metrics(*kinds):
    """Return the metrics files of all runs that any output needs, each once."""
    runs = {run for output in study.outputs for of_output in kinds for run in of_output(output)}
    return sorted(map(run_metrics, runs))


def stores_of_runs():
    """Yield the store that each run reads, and the metrics file of the run."""
    for output in study.outputs:
        for run in study.pretrain_runs(output):
            if not study.is_given(run.subset):
                yield f"stores/{study.subsets[run.subset]['dataset']}/meta.json", run_metrics(run)
        for run in study.transfer_runs(output):
            yield f"stores/{study.dataset_of(run.task)}/meta.json", run_metrics(run)


def say_what_to_pack_first():
    """Name missing stores that finished runs were made from, as after results were copied without them.

    Snakemake makes a missing file only where a job needs it, but then repeats everything that was made from it.
    """
    runs = sorted(set(stores_of_runs()))
    missing = [store for store in dict(runs) if not Path(store).exists()]
    first = [
        store for store in missing if any(of == store and Path(run).exists() for of, run in runs)
    ]
    if first:
        logger.warning(
            f"Warning: {', '.join(first)} is missing, though finished runs were made from it. If a job needs it, all of "
            f"those runs are repeated; to repeat none, make it first: snakemake {' '.join(first)} ..."
        )


if workflow.is_main_process:
    say_what_to_pack_first()


def table_files():
    """Return the tables that the study declares, as CSV and as Markdown."""
    return [
        f"results/{name}.{suffix}"
        for name in study.built_by("transfer", "budgets")
        for suffix in ("csv", "md")
    ]


def figure_files():
    """Return the figures that the study declares."""
    tables = study.built_by("transfer", "budgets")
    return [
        f"results/{name}.{suffix}"
        for name in study.outputs
        if name not in tables
        for suffix in ("png", "svg")
    ]


PLOTTED = (  # figures that plot numbers
    *(
        "curve",
        "induction",
        "neighbours",
        "coarse-gain",
        "split-accuracy",
        "correlation",
        "coarse-limit",
    ),
)


def number_files():
    """Return the CSV files with the numbers of all tables and figures."""
    return [f"results/{name}.csv" for name in study.built_by("transfer", "budgets", *PLOTTED)]


def point_files():
    """Return the CSV files with the points of correlations, whose numbers are correlations."""
    return [f"results/{name}-points.csv" for name in study.built_by("correlation")]


SUMMARIES = [
    f"results/{name}"
    for name in ("runs.csv", "comparison.csv", "findings.csv", "power.csv", "report.html")
]


def all_outputs():
    """Return everything that the study declares."""
    pictures = ["results/miniature.png"] if study.miniature else []
    return [*table_files(), *figure_files(), *number_files(), *point_files(), *SUMMARIES, *pictures]


def rendered_parts():
    """Return the parts of the miniature world that the study's data sets lie in."""
    return sorted(entry["render"] for entry in study.datasets.values() if "render" in entry)


def rendered_part(wildcards):
    """Return the marker of the rendered part that a data set lies in, if it is rendered."""
    part = study.datasets[wildcards.dataset].get("render")
    return f"data/miniature/{part}.json" if part else []


def render_params(wildcards):
    return study.render_slice(wildcards.part)


def store_params(wildcards):
    return study.store_slice(wildcards.dataset)


def label_set_params(wildcards):
    return study.label_set_slice(wildcards.label_set, replicate_of(wildcards))


def manifest_params(wildcards):
    return study.manifest_slice(wildcards.subset, replicate_of(wildcards))


def proposals_params(wildcards):
    return study.proposals_slice(wildcards.dataset)


def boxes_of_user(wildcards):
    """Return the user's file of region proposals, if the study is given one."""
    return study.datasets[wildcards.dataset]["proposals"].get("path", [])


def store_of_label_set(wildcards):
    """Return the store whose own classes are a label set's, if it is of that kind."""
    dataset = study.label_sets[wildcards.label_set].get("dataset")
    return f"stores/{dataset}/meta.json" if dataset else []


def store_of_subset(wildcards):
    """Return the store that a subset's images are drawn from."""
    return f"stores/{study.subsets[wildcards.subset]['dataset']}/meta.json"


def label_set_of_subset(wildcards):
    """Return the label set of a replicate of a subset, or of a draw of one."""
    replicate = int(wildcards.rep) if "rep" in wildcards.keys() else replicate_of(wildcards)
    return label_set_file(study.subsets[wildcards.subset]["label_set"], replicate)


def manifest_of_subset(wildcards):
    """Return the manifest that a replicate of a subset is trained on."""
    return manifest_file(wildcards.subset, int(wildcards.rep))


def summary_of_subset(wildcards):
    """Return the summary of the manifest that a replicate of a subset is trained on."""
    return manifest_file(wildcards.subset, int(wildcards.rep), "json")


def pretrain_params(wildcards):
    return study.pretrain_slice(wildcards.arch, wildcards.subset, int(wildcards.rep))


GIVEN = [
    subset for subset in study.subsets if study.is_given(subset)
]  # networks that are imported, not trained


def given_files(wildcards):
    """Return the checksums of a given network's files: wherever they lie, and after they are gone, it stays the same."""
    run = PretrainRun(wildcards.arch, wildcards.subset, int(wildcards.rep))
    return checksums(study.given_path(*astuple(run)), run_metrics(run))


def given_params(wildcards):
    return study.given_slice(wildcards.arch)


def store_of_task(wildcards):
    """Return the store of a task's images."""
    return f"stores/{study.dataset_of(wildcards.task)}/meta.json"


def proposals_of_task(wildcards):
    """Return the region proposals of a task's images."""
    return f"proposals/{study.dataset_of(wildcards.task)}/boxes.json"


def manifest_of_task(wildcards):
    """Return the manifest of the subset that a task learns, if it learns one."""
    subset = study.tasks[wildcards.task].get("subset")
    return (
        manifest_file(subset, study.draw_of_task(wildcards.task, int(wildcards.rep)))
        if subset
        else []
    )


def label_set_of_task(wildcards):
    """Return the label set of the subset that a task learns, if it learns one."""
    subset = study.tasks[wildcards.task].get("subset")
    if not subset:
        return []
    return label_set_file(
        study.subsets[subset]["label_set"], study.draw_of_task(wildcards.task, int(wildcards.rep))
    )


def origin_of(wildcards):
    """Return the pre-training run that fine-tuning starts from, None for a random start."""
    return study.origin(
        TransferRun(wildcards.task, wildcards.arch, wildcards.subset, int(wildcards.rep))
    )


def first_weights(wildcards):
    """Return the weights that fine-tuning starts from; none for a random start."""
    origin = origin_of(wildcards)
    return f"{folder_of(origin)}/weights.pt" if origin else []


def first_network(wildcards):
    """Return the replicate of the network that fine-tuning starts from, empty for a random start."""
    origin = origin_of(wildcards)
    return origin.replicate if origin else ""


def transfer_params(wildcards):
    return study.transfer_slice(wildcards.task, wildcards.arch, int(wildcards.rep))


def embedding_params(wildcards):
    return study.embedding_slice(wildcards.arch)


def output_of(wildcards):
    """Return the output that a table's or a figure's rule makes."""
    return wildcards.get("table") or wildcards.figure


def output_params(wildcards):
    return study.output_slice(output_of(wildcards))


def output_metrics(wildcards):
    """Return the metrics files of the fine-tuning runs that an output shows."""
    return [run_metrics(run) for run in study.transfer_runs(output_of(wildcards))]


def output_networks(wildcards):
    """Return the metrics files of the pre-training runs that an output rests on."""
    return [run_metrics(run) for run in study.pretrain_runs(output_of(wildcards))]


def output_expected(wildcards):
    """Return what the runs that an output shows or rests on should say of themselves."""
    return expected_of(*runs_of(output_of(wildcards)))


def expected_of_all(wildcards):
    """Return what all runs that any output needs should say of themselves."""
    return expected_of(*all_runs())


def output_manifests(wildcards):
    """Return the manifest summaries of an output's subsets, of the first draw of each."""
    return [manifest_file(subset, suffix="json") for subset in sorted(trained_subsets(wildcards))]


def trained_subsets(wildcards):
    """Return an output's subsets without the random start."""
    return set(study.subsets_of(output_of(wildcards))) - {SCRATCH}


def sizes_of_subsets(wildcards):
    """Return the files that say how many classes and images each subset of an output has.

    For a given network it is its own metrics.json: images that it was trained on need not be here.
    """
    given = {
        run_metrics(run) for run in study.pretrain_runs(output_of(wildcards)) if run.subset in GIVEN
    }
    known = sorted(trained_subsets(wildcards).difference(GIVEN))
    return [manifest_file(subset, suffix="json") for subset in known] + sorted(given)


def label_sets_of_output(wildcards):
    """Return the label sets that an output draws, or those of its subsets."""
    entry = study.outputs[output_of(wildcards)]
    named = [*entry.get("label_sets", []), *([entry["label_set"]] if "label_set" in entry else [])]
    named += [half for halves in entry.get("splits", {}).values() for half in halves]
    named = named or [
        study.subsets[subset]["label_set"] for subset in study.subsets_of(output_of(wildcards))
    ]
    return [label_set_file(name) for name in named]


def stores_of_output(wildcards):
    """Return the stores that an output's images come from."""
    output = output_of(wildcards)
    entry = study.outputs[output]
    subsets = [
        study.subsets[subset]["dataset"] for subset in study.subsets_of(output) if subset != SCRATCH
    ]
    return [
        f"stores/{name}/meta.json"
        for name in sorted({entry["dataset"]} if "dataset" in entry else set(subsets))
    ]


def store_of_output(wildcards):
    """Return the one store that an output's images come from."""
    return stores_of_output(wildcards)[0]


def features_of_output(wildcards):
    """Return the features that an output compares."""
    features = study.embeddings(output_of(wildcards))
    return [
        f"embeddings/{one.architecture}/{one.subset}/rep{one.replicate}/{one.layer}.npy"
        for one in features
    ]


def induction_of_output(wildcards):
    """Return the induction accuracies that an output shows: of each subset, of all its replicates."""
    entry = study.outputs[wildcards.figure]
    name = f"{entry['baseline']}-{entry['layer']}.csv"
    return [
        f"results/induction/{run.architecture}/{run.subset}/rep{run.replicate}/{name}"
        for run in induced_runs(entry)
    ]


def induction_weights(wildcards):
    """Return the files that say of which weights the induction accuracies of an output are."""
    return [path.removesuffix(".csv") + ".json" for path in induction_of_output(wildcards)]


def induced_runs(entry):
    """Return the networks that an induction figure compares with its baseline."""
    return [
        run for subset in entry["subsets"] for run in study.networks(entry["architecture"], subset)
    ]


def induced_networks(wildcards):
    """Return the records of the networks that `induction_of_output` is about, one for each file."""
    return [run_metrics(run) for run in induced_runs(study.outputs[wildcards.figure])]


def induced_baselines(wildcards):
    """Return the records of the baselines that `induction_of_output` is about, one for each file."""
    entry = study.outputs[wildcards.figure]
    return [run_metrics(baseline_of(run, entry["baseline"])) for run in induced_runs(entry)]


def baseline_of(run, baseline):
    """Return the pre-training run of the baseline that a replicate of a subset is compared with."""
    return PretrainRun(
        run.architecture, baseline, (run.replicate - 1) % study.replicates_of(baseline) + 1
    )


def baseline_of_wildcards(wildcards):
    """Return the pre-training run of the baseline that a table of induction is about."""
    return baseline_of(
        PretrainRun(wildcards.arch, wildcards.subset, int(wildcards.rep)), wildcards.baseline
    )


def baseline_features(wildcards):
    """Return the features of the baseline that a table of induction is about."""
    replicate = baseline_of_wildcards(wildcards).replicate
    return f"embeddings/{wildcards.arch}/{wildcards.baseline}/rep{replicate}/{wildcards.layer}.npy"


def baseline_metrics(wildcards):
    """Return the record of the baseline."""
    return run_metrics(baseline_of_wildcards(wildcards))


def predictions_of_output(wildcards):
    """Return the predictions that an output counts."""
    runs = study.predictions(wildcards.figure)
    return [
        f"results/predictions/{run.architecture}/{run.subset}/rep{run.replicate}.csv.gz"
        for run in runs
    ]


def stores_of_tasks():
    """Return the stores that the tasks of any run are tested on."""
    tasks = {run.task for run in all_runs() if isinstance(run, TransferRun)}
    return sorted({store_file(study.dataset_of(task)) for task in tasks})


def answers_of_single_runs():
    """Return the results per test image of classification tasks that have one run per subset."""
    return [f"{folder_of(run)}/images.csv.gz" for run in single_runs()]


def records_of_single_runs():
    """Return the metrics files of the same runs."""
    return [run_metrics(run) for run in single_runs()]


def single_runs():
    """Return the runs of classification tasks that have one run per subset."""
    single = [
        name
        for name, task in study.tasks.items()
        if task["kind"] == "classification" and task["replicates"] == 1
    ]
    return [run for run in all_runs() if isinstance(run, TransferRun) and run.task in single]


def hours_of_runs(wildcards):
    """Return what one run of each task costs on the devices whose rates are known."""
    from imagenet_transfer.study.plan import (
        read_rates,
        run_hours,
    )  # loads pandas, which a dry run can do without

    return run_hours(study, read_rates("rates.csv"))


def repair_command():
    """Return the user's command with the target `repair` in place of `verify`."""
    return shlex.join(
        ["snakemake", *("repair" if word == "verify" else word for word in sys.argv[1:])]
    )
