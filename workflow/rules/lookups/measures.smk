"""The features that a measure is made from."""


def features_of_task(wildcards):
    """Return the features that a run measures."""
    one = study.features_of_run(run_of(wildcards))
    return features_file(one, one.dataset, one.layer, one.augmentation)


def lengths_of_task(wildcards):
    """Return the lengths of the features that a run measures."""
    return features_of_task(wildcards).removesuffix(".npy") + "-lengths.npy"


INPUTS_OF_TASKS["lengths"] = lengths_of_task
