"""From the metrics of finished runs to tables, summaries and the report.

INPUTS:  metrics.json of every run that a table shows (an explicit list), results/manifests/{subset}.json, figures' CSV
OUTPUTS: results/{table}.csv and .md, results/runs.csv, comparison.csv, findings.csv, report.html; `plan` prints
"""


rule make_table:
    input:
        metrics=output_metrics,
        networks=output_networks,
        manifests=sizes_of_subsets,
    output:
        csv="results/{table}.csv",
        markdown="results/{table}.md",
    log:
        "logs/make_table/{table}.log",
    benchmark:
        "logs/benchmarks/make_table/{table}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=output_expected,
    script:
        "../scripts/make_table.py"


rule collect_runs:
    input:
        metrics=all_metrics(study.pretrain_runs, study.transfer_runs),
    output:
        csv="results/runs.csv",
    log:
        "logs/collect_runs.log",
    benchmark:
        "logs/benchmarks/collect_runs.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        expected=expected_of_all,
    script:
        "../scripts/collect_runs.py"


rule compare_with_paper:
    input:
        tables=number_files(),
        runs="results/runs.csv",
    output:
        csv="results/comparison.csv",
    log:
        "logs/compare_with_paper.log",
    benchmark:
        "logs/benchmarks/compare_with_paper.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=study.reporting_slice(),
    script:
        "../scripts/compare_with_paper.py"


rule judge_findings:
    input:
        runs="results/runs.csv",
        tables=number_files(),
        stores=stores_of_tasks(),
        answers=answers_of_single_runs(),
        records=records_of_single_runs(),
    output:
        csv="results/findings.csv",
        power="results/power.csv",
    log:
        "logs/judge_findings.log",
    benchmark:
        "logs/benchmarks/judge_findings.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=study.reporting_slice(),
        hours=hours_of_runs,
    script:
        "../scripts/judge_findings.py"


rule write_report:
    input:
        findings="results/findings.csv",
        power="results/power.csv",
        comparison="results/comparison.csv",
        runs="results/runs.csv",
        tables=expand("results/{table}.md", table=study.built_by("transfer", "budgets")),
        figures=[path for path in figure_files() if path.endswith(".png")],
        records=all_metrics(study.pretrain_runs, study.transfer_runs),
    output:
        html="results/report.html",
    log:
        "logs/write_report.log",
    benchmark:
        "logs/benchmarks/write_report.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=study.reporting_slice(),
    script:
        "../scripts/write_report.py"


rule plan:
    log:
        "logs/plan.log",
    conda:
        "../../envs/workflow.yaml"
    params:
        schema=workflow.source_path("../schemas/config.schema.yaml"),
    script:
        "../scripts/print_plan.py"
