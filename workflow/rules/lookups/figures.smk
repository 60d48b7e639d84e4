"""The files of an output, by the kinds that its builder lists, and the files that it makes."""


def inputs_of_output(wildcards):
    """Return the files that an output is made from, by the kinds that its builder lists."""
    output = output_of(wildcards)
    return {kind: FILES_OF_OUTPUT[kind](output) for kind in study.builder(output).inputs}


def records_shown(output):
    """Return the metrics files of the fine-tuning runs that an output shows."""
    return list(map(run_metrics, study.transfer_runs(output)))


def networks_of(output):
    """Return the metrics files of the pre-training runs that an output rests on."""
    return list(map(run_metrics, study.pretrain_runs(output)))


def trained_subsets(output):
    """Return an output's subsets without the random start, ascending."""
    return sorted(set(study.subsets_of(output)) - {SCRATCH})


def manifests_of(output):
    """Return the manifest summaries of an output's subsets, of the first draw of each."""
    return [manifest_file(subset, suffix="json") for subset in trained_subsets(output)]


def sizes_of(output):
    """Return the files that say how many classes and images each subset of an output has.

    For a given network it is its own metrics.json: its images need not be here.
    """
    known = [name for name in trained_subsets(output) if not study.is_given(name)]
    given = {run_metrics(run) for run in study.pretrain_runs(output) if study.is_given(run.subset)}
    return [manifest_file(subset, suffix="json") for subset in known] + sorted(given)


def label_sets_of(output):
    """Return the label sets that an output draws, or those of its subsets."""
    return list(map(label_set_file, study.label_sets_of(output)))


def store_of(output):
    """Return the store that an output's images come from."""
    return store_file(study.dataset_of_output(output))


def store_of_shown_task(output):
    """Return the store of the images that an output's task is tested on."""
    return store_file(study.dataset_of(study.outputs[output]["task"]))


def tested_of(output):
    """Return what the fine-tuning runs that an output shows found in each test image."""
    return [f"{folder_of(run)}/images.csv.gz" for run in study.transfer_runs(output)]


def features_of(output):
    """Return the features that an output compares."""
    return list(map(file_of_features, study.embeddings(output)))


def predictions_file(run):
    """Return the predictions of a network."""
    return f"results/predictions/{run.architecture}/{run.subset}/rep{run.replicate}.csv.gz"


def induction_file(run, baseline, layer):
    """Return the induction accuracies of a network."""
    network = f"{run.architecture}/{run.subset}/rep{run.replicate}"
    return f"results/induction/{network}/{baseline}-{layer}.csv"


def file_of_features(one):
    """Return the file of features."""
    return features_file(one, one.dataset, one.layer, one.augmentation)


def predictions_of(output):
    """Return the predictions that an output counts."""
    return list(map(predictions_file, study.predictions(output)))


def induction_of(output):
    """Return the induction accuracies that an output shows: of all replicates of each subset."""
    entry = study.outputs[output]
    names = (entry["baseline"], entry["layer"])
    return [induction_file(run, *names) for run in study.induced_runs(output)]


def induction_weights(output):
    """Return the files that say of which weights the induction accuracies of an output are."""
    return [path.removesuffix(".csv") + ".json" for path in induction_of(output)]


def induced_networks(output):
    """Return the records of the networks that `induction_of` is about, one for each file."""
    return list(map(run_metrics, study.induced_runs(output)))


def induced_baselines(output):
    """Return the records of the baselines that `induction_of` is about, one for each file."""
    baseline = study.outputs[output]["baseline"]
    return [run_metrics(study.baseline_of(run, baseline)) for run in study.induced_runs(output)]


FILES_OF_OUTPUT = {  # by the kinds of imagenet_transfer/figures/builders.py
    "metrics": records_shown,
    "networks": networks_of,
    "sizes": sizes_of,
    "manifests": manifests_of,
    "label_sets": label_sets_of,
    "store": store_of,
    "task_store": store_of_shown_task,
    "tested": tested_of,
    "features": features_of,
    "predictions": predictions_of,
    "induction": induction_of,
    "induction_weights": induction_weights,
    "induced": induced_networks,
    "baselines": induced_baselines,
}


def figure_files():
    """Return the figures that the study declares."""
    names = study.figures()
    return [f"results/{name}.{suffix}" for name in names for suffix in ("png", "svg")]


def csv_files(output):
    """Return the CSV files of an output, by name: `csv` holds its numbers."""
    endings = study.builder(output).csv_files()
    return {name: f"results/{output}{ending}" for name, ending in endings.items()}


def number_files():
    """Return the CSV files with the numbers of all tables and figures."""
    return [files["csv"] for files in map(csv_files, study.outputs) if files]


def further_files():
    """Return the other CSV files of figures, such as the points of correlations."""
    named = [item for output in study.outputs for item in csv_files(output).items()]
    return [path for name, path in named if name != "csv"]
