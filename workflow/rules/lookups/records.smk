"""What the records of runs should say of themselves, by the study: every table and figure asks."""

from dataclasses import astuple

from imagenet_transfer.running.provenance import digests_of
from imagenet_transfer.study.runs import PretrainRun
from imagenet_transfer.training.imported import checksums


def expected_of(runs):
    """Return what runs, and the draws that they rest on, should say of themselves."""
    learnt = [draw for draw in dict.fromkeys(map(study.learnt_by, runs)) if draw]
    label_sets = [(study.subsets[subset]["label_set"], replicate) for subset, replicate in learnt]
    return {
        "runs": {run_metrics(run): expected_run(run) for run in runs},
        "manifests": {manifest_file(*draw, "json"): expected_manifest(*draw) for draw in learnt},
        "label_sets": {label_set_file(*draw): expected_label_set(*draw) for draw in label_sets},
    }


def expected_run(run):
    """Return what a run's record should say."""
    dataset = study.dataset_of_run(run)
    learnt = study.learnt_by(run)
    origin = study.origin(run) if isinstance(run, TransferRun) else None
    return {
        "settings": digests_of(study.settings_of(run)),
        "origin": run_metrics(origin) if origin else "",
        "inputs": {
            **({"store": store_file(dataset)} if dataset else {}),
            **({"manifest": manifest_file(*learnt, "json")} if learnt else {}),
        },
        "files": imported_files(run) if dataset is None else {},
    }


def imported_files(run):
    """Return the checksums of a given network's files.

    They stay the same wherever the files lie, and after they are gone.
    """
    return checksums(study.given_path(*astuple(run)), run_metrics(run))


def expected_manifest(subset, replicate):
    """Return what the summary of a replicate's manifest should say of its draw."""
    draw = study.manifest_settings(subset, replicate if study.is_drawn(subset) else 1)
    return {**draw, "label_set": label_set_file(study.subsets[subset]["label_set"], replicate)}


def expected_label_set(name, replicate):
    """Return what a replicate's label set should be made from."""
    dataset = study.label_sets[name].get("dataset")
    store = store_file(dataset) if dataset else ""
    made = {"settings": study.label_set_settings(name, replicate), "name": name, "store": store}
    source = study.source_of_labels(name, replicate)
    return {**made, "network": run_metrics(source.network)} if source else made


def expected_of_output(wildcards):
    """Return what the runs that an output shows or rests on should say of themselves."""
    return expected_of(study.runs_of(output_of(wildcards)))


def expected_of_all(wildcards):
    """Return what all runs that any output needs should say of themselves."""
    return expected_of(study.all_runs())
