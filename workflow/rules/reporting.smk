"""From the metrics of finished runs to tables.

INPUTS:  metrics.json of every run that a table shows (an explicit list), results/manifests/{subset}.json
OUTPUTS: results/runs.csv, results/{table}.csv and .md
"""


rule collect_runs:
    input:
        metrics=all_metrics(),
    output:
        csv="results/runs.csv",
    log:
        "logs/collect_runs.log",
    benchmark:
        "benchmarks/collect_runs.tsv"
    conda:
        "../../envs/workflow.yaml"
    script:
        "../scripts/collect_runs.py"


rule make_table:
    input:
        metrics=table_metrics,
        manifests=table_manifests,
    output:
        csv="results/{table}.csv",
        markdown="results/{table}.md",
    log:
        "logs/make_table/{table}.log",
    benchmark:
        "benchmarks/make_table/{table}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=table_params,
    script:
        "../scripts/make_table.py"
