"""Checking data sets and packed stores, and mending stores; nothing made from them is made again.

INPUTS:  for `check`, the data sets' folders; stores/{dataset}/ of all data sets that are packed;
         for `verify`, embeddings/ and proposals/ too; for `repair`, the data sets' folders
OUTPUTS: none; the shards stores/{dataset}/shard-*.bin, which are not declared outputs, are mended
"""


include: "lookups/checks.smk"


# No rule has a benchmark: Snakemake counts it as an output and would not check a second time.


rule check:
    log:
        "logs/check.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    threads: all_cores(4)
    params:
        stores={dataset: study.store_settings(dataset) for dataset in sorted(study.datasets)},
    script:
        "../scripts/check_datasets.py"


rule verify:
    log:
        "logs/verify.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    threads: all_cores(4)
    params:
        datasets=sorted(study.datasets),
        repair=repair_command(),
    script:
        "../scripts/verify_stores.py"


rule repair:
    log:
        "logs/repair.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    threads: all_cores(4)
    params:
        stores={dataset: study.store_settings(dataset) for dataset in sorted(study.datasets)},
    script:
        "../scripts/repair_stores.py"
