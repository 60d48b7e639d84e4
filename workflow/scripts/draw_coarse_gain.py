"""Draw Figure 6 with its numbers."""

from pathlib import Path

from imagenet_transfer.forks import run_forked
from imagenet_transfer.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.analyses import class_means, coarse_gain
    from imagenet_transfer.embeddings import read_embeddings
    from imagenet_transfer.files import read_table, write_csv
    from imagenet_transfer.label_sets import read_label_set
    from imagenet_transfer.reporting.charts import draw_coarse_gain
    from imagenet_transfer.reporting.style import save_figure
    from imagenet_transfer.store import Store

    layout, files, output = snakemake.params.layout, snakemake.input, snakemake.output
    store = Store(Path(files.store).parent)
    means = class_means(read_embeddings(files.features[0], store), store.images)
    label_set = read_label_set(files.label_set[0])
    frame = coarse_gain(read_table(files.predictions, ("wnid", "predicted")), label_set, layout["least"], means)
    write_csv(output.csv, frame)
    save_figure(draw_coarse_gain(frame, layout), Path(output.png), Path(output.svg))
