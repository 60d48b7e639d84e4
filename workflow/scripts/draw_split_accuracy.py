"""Draw Figure 9 with its numbers."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.numbers import split_frame
    from imagenet_transfer.figures.split_accuracy import draw_split_accuracy
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.running.records import check_records

    layout, files, output = snakemake.params.layout, snakemake.input, snakemake.output
    runs = [*files.metrics, *files.networks]
    check_records(runs, snakemake.params.expected)
    frame = split_frame(layout, runs, files.manifests)
    write_csv(output.csv, frame)
    save_figure(draw_split_accuracy(frame, layout), Path(output.png), Path(output.svg))
