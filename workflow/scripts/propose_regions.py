"""Propose the regions of every image of a store."""

from pathlib import Path

from imagenet_transfer.jobs import job_log


def main() -> None:
    """Write the boxes; worker processes import this file."""
    from imagenet_transfer.proposals import propose
    from imagenet_transfer.store import Store

    store = Store(Path(snakemake.input.meta).parent)
    propose(store, Path(snakemake.output.meta).parent, snakemake.params.settings["spec"], snakemake.threads)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main()
