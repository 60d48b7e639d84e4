"""Draw Figure 1 or 2 with its numbers."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.curve import draw_curve
    from imagenet_transfer.figures.numbers import curve_frame
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.running.records import check_records

    layout, files, output = snakemake.params.layout, snakemake.input, snakemake.output
    runs = [*files.metrics, *files.networks]
    check_records(runs, snakemake.params.expected)
    frame = curve_frame(layout, runs, files.manifests)
    write_csv(output.csv, frame)
    save_figure(draw_curve(frame, layout), Path(output.png), Path(output.svg))
