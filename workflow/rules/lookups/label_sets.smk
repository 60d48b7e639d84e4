"""Which label sets and manifests there are, and what they are made from."""

REPLICATES = range(1, study.replicates + 1)


def label_set_files():
    """Return the label sets that need no data set, random ones as each replicate draws them."""
    names = study.label_sets_of_wordnet()
    files = (label_set_file(name, replicate) for name in names for replicate in REPLICATES)
    return list(dict.fromkeys(files))


def manifest_files():
    """Return the manifests of all subsets and replicates."""
    files = (manifest_file(name, replicate) for name in WITH_DATA for replicate in REPLICATES)
    return list(dict.fromkeys(files))


def store_of_label_set(wildcards):
    """Return the store whose own classes are a label set's, if it is of that kind."""
    dataset = study.label_sets[wildcards.label_set].get("dataset")
    return store_file(dataset) if dataset else []
