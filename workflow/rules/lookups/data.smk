"""Where a data set's rendered part and region proposals lie, and what its store is made from."""

from imagenet_transfer.data.shared_stores import is_shared


def packed_here():
    """Return the data sets whose stores this study packs: not those of others, which are whole.

    On a cluster, a submitted job is read with all of them, as it may be the one that packs.
    """
    if not workflow.is_main_process:
        return list(study.datasets)
    shared = [name for name in study.datasets if is_shared(f"stores/{name}")]
    for name in shared:
        if any(word.startswith(f"stores/{name}/") for word in sys.argv):  # Snakemake finds no rule
            raise WorkflowError(
                f"stores/{name} leads to {Path('stores', name).resolve()}, a finished store: it is "
                "read as it is, and no job of this study writes there. Name another target."
            )
    return sorted(set(study.datasets).difference(shared))


def origin_of_store(wildcards, output):
    """Return what a store depends on; for `output` see lookups/report.smk: no job runs again."""
    return study.origin_of_store(wildcards.dataset)


def rendered_part(wildcards):
    """Return the marker of the rendered part that a data set lies in, if it is rendered."""
    part = study.datasets[wildcards.dataset].get("render")
    return f"data/miniature/{part}.json" if part else []


def boxes_of_user(wildcards):
    """Return the user's file of region proposals, if the study is given one."""
    return study.datasets[wildcards.dataset]["proposals"].get("path", [])
