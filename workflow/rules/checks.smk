"""Checking the packed stores and mending them in place; nothing made from them is made again.

INPUTS:  stores/{dataset}/ of all data sets that are packed; for `verify`, embeddings/ and
         proposals/ too; for `repair`, the data sets' folders
OUTPUTS: none; the shards stores/{dataset}/shard-*.bin, which are not declared outputs, are mended
"""


include: "lookups/checks.smk"


rule verify:
    log:
        "logs/verify.log",
    benchmark:
        "logs/benchmarks/verify.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    threads: workflow.cores
    params:
        datasets=sorted(study.datasets),
        repair=repair_command(),
    script:
        "../scripts/verify_stores.py"


rule repair:
    log:
        "logs/repair.log",
    benchmark:
        "logs/benchmarks/repair.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    threads: workflow.cores
    params:
        stores={dataset: study.store_settings(dataset) for dataset in sorted(study.datasets)},
    script:
        "../scripts/repair_stores.py"
