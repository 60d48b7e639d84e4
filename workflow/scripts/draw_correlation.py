"""Draw how well ImageNet accuracy predicts transfer, with the correlations and the points."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.correlation import draw_correlation
    from imagenet_transfer.figures.correlation_numbers import correlation_frame, points_frame
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.reporting.tables import collect_runs
    from imagenet_transfer.running.records import check_records

    layout, files, output = snakemake.params.layout, snakemake.input, snakemake.output
    check_records([*files.metrics, *files.networks], snakemake.params.expected)
    accuracy = layout["accuracy"]
    metrics = {task: layout["metrics"][task] for task in [accuracy, *layout["tasks"]]}
    chosen = (collect_runs(files.metrics), accuracy, metrics, layout["subsets"])
    frame, points = correlation_frame(*chosen), points_frame(*chosen)
    write_csv(output.csv, frame)
    write_csv(output.points, points)
    save_figure(draw_correlation(frame, points), Path(output.png), Path(output.svg))
