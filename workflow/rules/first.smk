"""The check that stops a study whose first network is not as good as the config's `first` says.

All other networks, fine-tunings and features wait for it, if the config has that key. Once passed,
it holds until the first network is trained again.

INPUTS:  results/pretrain/{arch}/{subset}/rep1/metrics.json of the first network
OUTPUTS: results/first.json
"""


include: "lookups/first.smk"


if study.first:

    rule check_first_network:
        input:
            metrics=run_metrics(study.first_run()),
        output:
            json=FIRST_CHECK,
        log:
            "logs/check_first_network.log",
        benchmark:
            "logs/benchmarks/check_first_network.tsv"
        # The same network has the same accuracy when asked again.
        retries: 0
        localrule: True
        conda:
            "../../envs/workflow.yaml"
        script:
            "../scripts/check_first_network.py"
