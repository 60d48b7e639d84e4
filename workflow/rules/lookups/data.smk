"""Where a data set's rendered part and region proposals lie, and what its store is made from."""

from imagenet_transfer.data.shared_stores import PROPOSALS, STORE, is_shared


def packed_here():
    """Return the data sets whose stores this study packs."""
    return made_here(study.datasets, "stores", STORE)


def proposed_here():
    """Return the data sets whose region proposals this study makes."""
    proposing = [name for name, entry in study.datasets.items() if "proposals" in entry]
    return made_here(proposing, "proposals", PROPOSALS)


def made_here(datasets, folder, whole):
    """Return the data sets whose part of a folder is made here: not what is whole and of others.

    On a cluster, a submitted job is read with all of them, as it may be the one that makes it.
    """
    if not workflow.is_main_process:
        return list(datasets)
    shared = [name for name in datasets if is_shared(f"{folder}/{name}", whole)]
    for name in shared:
        if any(word.startswith(f"{folder}/{name}/") for word in sys.argv):  # it would find no rule
            raise WorkflowError(
                f"{folder}/{name} leads to {Path(folder, name).resolve()}, which is finished: it "
                "is read as it is, and no job of this study writes there. Name another target."
            )
    return sorted(set(datasets).difference(shared))


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
