"""From the metrics of finished runs to tables, summaries and the report.

INPUTS:  metrics.json of every run that a table shows (an explicit list),
         results/manifests/{subset}.json, figures' CSV
OUTPUTS: results/{table}.csv and .md, results/runs.csv, comparison.csv, findings.csv, power.csv,
         report.html; `plan` prints
"""


include: "lookups/reporting.smk"


rule make_table:
    input:
        unpack(inputs_of_output),
    output:
        csv=shown_output("results/{table}.csv", "Tables"),
        markdown=shown_output("results/{table}.md", "Tables"),
    log:
        "logs/make_table/{table}.log",
    benchmark:
        "logs/benchmarks/make_table/{table}.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=expected_of_output,
        words=words_of_output,
    script:
        "../scripts/make_table.py"


rule collect_runs:
    input:
        metrics=metrics_of(study.runs_of),
    output:
        csv=shown_summary("results/runs.csv", "Study", "runs"),
    log:
        "logs/collect_runs.log",
    benchmark:
        "logs/benchmarks/collect_runs.tsv"
    localrule: True
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
        csv=shown_summary("results/comparison.csv", "Study", "the paper's numbers"),
    log:
        "logs/compare_with_paper.log",
    benchmark:
        "logs/benchmarks/compare_with_paper.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=study.reporting_settings(),
    script:
        "../scripts/compare_with_paper.py"


rule judge_findings:
    input:
        runs="results/runs.csv",
        tables=number_files(),
        stores=list(map(store_file, study.datasets_tested())),
        answers=[f"{folder_of(run)}/images.csv.gz" for run in study.single_runs()],
        records=list(map(run_metrics, study.single_runs())),
    output:
        csv=shown_summary("results/findings.csv", "Findings", "verdicts"),
        power=shown_summary("results/power.csv", "Findings", "what it would take"),
    log:
        "logs/judge_findings.log",
    benchmark:
        "logs/benchmarks/judge_findings.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=study.reporting_settings(),
        hours=hours_of_runs,
    script:
        "../scripts/judge_findings.py"


rule write_report:
    input:
        findings="results/findings.csv",
        power="results/power.csv",
        comparison="results/comparison.csv",
        runs="results/runs.csv",
        tables=expand("results/{table}.md", table=study.tables()),
        figures=[path for path in figure_files() if path.endswith(".png")],
        numbers=number_files() + further_files(),
        label_sets=list(map(label_set_file, study.label_sets_shown())),
        records=metrics_of(study.runs_of),
    output:
        html=shown_summary("results/report.html", "Study", "all on one page"),
    log:
        "logs/write_report.log",
    benchmark:
        "logs/benchmarks/write_report.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=study.reporting_settings(),
    script:
        "../scripts/write_report.py"


rule plan:
    log:
        "logs/plan.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        schema=SCHEMA,
        done=jobs_done,
    script:
        "../scripts/print_plan.py"
