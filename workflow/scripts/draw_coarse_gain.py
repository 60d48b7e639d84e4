"""Draw Figure 6 with its numbers."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    import pandas as pd

    from imagenet_transfer.data.store import Store
    from imagenet_transfer.features.analyses import coarse_gain
    from imagenet_transfer.features.descriptors import class_descriptors
    from imagenet_transfer.figures.coarse_gain import draw_coarse_gain
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.files import read_table, write_csv
    from imagenet_transfer.labels.label_sets import read_label_set
    from imagenet_transfer.running.records import check_features, check_records

    layout, files, output = snakemake.params.layout, snakemake.input, snakemake.output
    store = Store(Path(files.store).parent)
    check_records(files.networks, snakemake.params.expected)
    check_features(files.predictions, files.networks)
    label_set = read_label_set(files.label_set[0])
    likeness = class_descriptors(store, sorted(label_set["wnid"]), "train", snakemake.params.seed)
    predictions = [read_table(path, ("wnid", "predicted")) for path in files.predictions]
    parts = [coarse_gain(table, label_set, layout["least"], likeness) for table in predictions]
    frame = pd.concat(
        [part.assign(rep=rep) for rep, part in enumerate(parts, start=1)], ignore_index=True
    )
    write_csv(output.csv, frame)
    save_figure(draw_coarse_gain(frame, layout), Path(output.png), Path(output.svg))
