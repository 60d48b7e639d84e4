"""Propose the regions of every image of a store."""

from pathlib import Path

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.proposals import propose
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.files import exclusive

    store = Store(Path(snakemake.input.meta).parent)
    folder = Path(snakemake.output.meta).parent
    with exclusive(folder, "proposes regions in"):
        propose(store, folder, snakemake.params.settings["spec"], snakemake.threads)
