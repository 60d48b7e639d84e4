"""Draw a figure as PDF."""

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.drawing import Material, draw_pdf

    params = snakemake.params
    files = dict(snakemake.input.items())
    material = Material(params.layout, files, params.settings, snakemake.threads)
    draw_pdf(material, params.expected, snakemake.output.pdf)
