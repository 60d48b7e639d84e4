"""What a fine-tuning run is made from."""


def store_of_task(wildcards):
    """Return the store of a task's images."""
    return store_file(study.dataset_of(wildcards.task))


def proposals_of_task(wildcards):
    """Return the region proposals of a task's images."""
    return f"proposals/{study.dataset_of(wildcards.task)}/boxes.json"


def run_of(wildcards):
    """Return the fine-tuning run of a rule's outputs."""
    names = (wildcards.task, wildcards.arch, wildcards.subset)
    return TransferRun(*names, replicate_of(wildcards))


def manifest_of_task(wildcards):
    """Return the manifest of the subset that a task learns, if it learns one."""
    learnt = study.learnt_by(run_of(wildcards))
    return manifest_file(*learnt) if learnt else []


def label_set_of_task(wildcards):
    """Return the label set of the subset that a task learns, if it learns one."""
    learnt = study.learnt_by(run_of(wildcards))
    if not learnt:
        return []
    subset, replicate = learnt
    return label_set_file(study.subsets[subset]["label_set"], replicate)


def first_weights(wildcards):
    """Return the weights that fine-tuning starts from; none for a random start."""
    origin = study.origin(run_of(wildcards))
    return f"{folder_of(origin)}/weights.pt" if origin else []


def first_network(wildcards):
    """Return the replicate of the network that fine-tuning starts from; "" for a random start."""
    origin = study.origin(run_of(wildcards))
    return origin.replicate if origin else ""


INPUTS_OF_TASKS = {  # what kinds of tasks read besides store and weights
    "manifest": manifest_of_task,
    "label_set": label_set_of_task,
    "proposals": proposals_of_task,
}
