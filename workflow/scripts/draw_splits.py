"""Draw Figure 7."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.splits import draw_splits
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.labels.label_sets import read_label_set
    from imagenet_transfer.labels.taxonomy import read_classes, taxonomy_for

    taxonomy = taxonomy_for(read_classes(snakemake.params.classes))
    label_sets = {Path(path).stem: read_label_set(path) for path in snakemake.input.label_sets}
    figure = draw_splits(taxonomy, label_sets, snakemake.params.layout)
    save_figure(figure, Path(snakemake.output.png), Path(snakemake.output.svg))
