"""Which label sets and manifests there are, and what they are made from."""

REPLICATES = range(1, study.replicates + 1)
VISUAL = [name for name, entry in study.label_sets.items() if entry["method"] == "visual"]


def label_set_files():
    """Return the label sets that need no data set, random ones as each replicate draws them."""
    names = study.label_sets_without_images()
    files = (label_set_file(name, replicate) for name in names for replicate in REPLICATES)
    return list(dict.fromkeys(files))


def manifest_files():
    """Return the manifests of all subsets and replicates."""
    files = (manifest_file(name, replicate) for name in WITH_DATA for replicate in REPLICATES)
    return list(dict.fromkeys(files))


def store_of_label_set(wildcards):
    """Return the store of the data set that a label set names, if it names one."""
    dataset = study.label_sets[wildcards.label_set].get("dataset")
    return store_file(dataset) if dataset else []


def features_of_label_set(wildcards):
    """Return the features by which a replicate of a label set groups classes."""
    source = study.source_of_labels(wildcards.label_set, replicate_of(wildcards))
    return features_file(source, source.dataset, source.layer)


def network_of_label_set(wildcards):
    """Return the record of the network that computes these features."""
    source = study.source_of_labels(wildcards.label_set, replicate_of(wildcards))
    return run_metrics(source.network)
