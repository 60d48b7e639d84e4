"""Check the first network, before the others are trained."""

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import write_json
    from imagenet_transfer.running.first_network import judged

    # Not a param: new limits would check anew a network that the others have not waited for again.
    expected = snakemake.config["first"]
    write_json(snakemake.output.json, judged(snakemake.input.metrics, expected))
