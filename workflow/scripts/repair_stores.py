"""Mend every packed store of the study in place, with a printed line for each."""

from pathlib import Path

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.integrity import damaged_images, mend_store, reading_data
    from imagenet_transfer.data.layouts import list_dataset
    from imagenet_transfer.files import exclusive
    from imagenet_transfer.labels.taxonomy import read_classes

    for dataset, settings in snakemake.params.stores.items():
        folder = Path("stores") / dataset
        entry = snakemake.config["datasets"][dataset]
        if not (folder / "meta.json").is_file():
            continue
        with exclusive(folder, "packs"):
            number = len(damaged_images(folder, snakemake.threads))
            if number:
                marker = f"data/miniature/{entry['render']}.json" if "render" in entry else None
                classes = settings["classes"]
                root = Path(entry["root"])
                with reading_data(marker):
                    listing = list_dataset(entry, read_classes(classes) if classes else ())
                    mend_store(folder, listing, root, entry["store"], snakemake.threads)
        print(f"{folder}: {f'{number:,} images mended' if number else 'whole'}", flush=True)
