"""From the official archives of ILSVRC2012 to its folders; run by name, before anything else.

INPUTS:  the archives (`datasets.*.archives`; not declared, so that a dry run needs no data)
OUTPUTS: train/, val/ and ILSVRC2012_devkit_t12/ below the data set's `root` (not declared: they are
         the user's)
"""


# No benchmark: Snakemake counts it as an output and would not unpack what was added since.
rule unpack_ilsvrc:
    log:
        "logs/unpack_ilsvrc.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    script:
        "../scripts/unpack_ilsvrc.py"
