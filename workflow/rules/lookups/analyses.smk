"""The networks whose features are computed, and the baselines of induction."""


def weights_of_network(wildcards):
    """Return the weights whose features are computed; none of a random start."""
    run = PretrainRun(wildcards.arch, wildcards.subset, replicate_of(wildcards))
    return [] if wildcards.subset == SCRATCH else f"{folder_of(run)}/weights.pt"


def features_params(wildcards):
    """Return what features depend on besides weights and images."""
    augmentation = wildcards.augmentation.removeprefix("-") or NONE
    network = (wildcards.arch, wildcards.subset, replicate_of(wildcards))
    return study.features_settings(*network, augmentation)


def baseline_of(wildcards):
    """Return the pre-training run of the baseline that a table of induction is about."""
    run = PretrainRun(wildcards.arch, wildcards.subset, replicate_of(wildcards))
    return study.baseline_of(run, wildcards.baseline)


def baseline_features(wildcards):
    """Return the features of the baseline."""
    return features_file(baseline_of(wildcards), dataset_of_subset(wildcards), wildcards.layer)


def own_features(wildcards):
    """Return a network's features of the images of its own data set."""
    run = PretrainRun(wildcards.arch, wildcards.subset, replicate_of(wildcards))
    return features_file(run, dataset_of_subset(wildcards), wildcards.layer)


def baseline_metrics(wildcards):
    """Return the record of the baseline."""
    return run_metrics(baseline_of(wildcards))
