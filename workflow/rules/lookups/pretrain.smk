"""What a network is trained on or imported from."""

GIVEN = list(filter(study.is_given, study.subsets))  # networks that are imported, not trained


def manifest_of_subset(wildcards):
    """Return the manifest that a replicate of a subset is trained on."""
    return manifest_file(wildcards.subset, replicate_of(wildcards))


def given_files(wildcards):
    """Return the checksums of a given network's files."""
    return imported_files(PretrainRun(wildcards.arch, wildcards.subset, replicate_of(wildcards)))
