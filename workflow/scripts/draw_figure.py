"""Draw a figure with its numbers; what its builder does is in imagenet_transfer/figures."""

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.drawing import Material, draw_output

    files = dict(snakemake.input.items())
    params = snakemake.params
    material = Material(params.layout, files, params.settings, snakemake.threads)
    draw_output(material, params.expected, dict(snakemake.output.items()))
