"""Draw from how many classes on merged labels are better than a random start, with the numbers."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.coarse_limit import draw_coarse_limit
    from imagenet_transfer.figures.coarse_limit_numbers import coarse_limit_frame
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.reporting.tables import collect_runs, subset_sizes
    from imagenet_transfer.running.records import check_records

    layout, files, output = snakemake.params.layout, snakemake.input, snakemake.output
    check_records([*files.metrics, *files.networks], snakemake.params.expected)
    metrics = {task: layout["metrics"][task] for task in layout["tasks"]}
    sizes = subset_sizes(files.manifests)
    n_classes = {name: sizes[name]["n_classes"] for name in layout["subsets"] if name in sizes}
    frame = coarse_limit_frame(collect_runs(files.metrics), metrics, n_classes)
    write_csv(output.csv, frame)
    save_figure(draw_coarse_limit(frame), Path(output.png), Path(output.svg))
