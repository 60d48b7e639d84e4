"""Draw Figure 4 with its numbers."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.induction import draw_induction
    from imagenet_transfer.figures.numbers import induction_frame
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.running.records import check_induction, check_records

    layout, output = snakemake.params.layout, snakemake.output
    files = snakemake.input
    check_records(files.networks, snakemake.params.expected)
    check_induction(files.induction, files.induced, files.baselines)
    frame = induction_frame(layout, files.induction, files.manifests)
    write_csv(output.csv, frame)
    save_figure(draw_induction(frame, layout), Path(output.png), Path(output.svg))
