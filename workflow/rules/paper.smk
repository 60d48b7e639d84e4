"""Tables as LaTeX and figures as PDF, for a paper: `snakemake paper_tables`, no default target.

INPUTS:  what the tables and figures are made from, results/runs.csv
OUTPUTS: results/paper/{table}.tex, {figure}.pdf, and study.tex, a document with all of them
"""


rule write_latex_table:
    input:
        unpack(inputs_of_output),
        runs="results/runs.csv",
    output:
        tex="results/paper/{table}.tex",
    log:
        "logs/write_latex_table/{table}.log",
    benchmark:
        "logs/benchmarks/write_latex_table/{table}.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=expected_of_output,
        settings=study.reporting_settings(),
    script:
        "../scripts/write_latex_table.py"


for kind in FIGURES:

    rule:
        name:
            f"draw_{kind.replace('-', '_')}_pdf"
        input:
            unpack(inputs_of_output),
        output:
            pdf="results/paper/{figure}.pdf",
        log:
            f"logs/draw_{kind.replace('-', '_')}_pdf/{{figure}}.log",
        benchmark:
            f"logs/benchmarks/draw_{kind.replace('-', '_')}_pdf/{{figure}}.tsv"
        wildcard_constraints:
            figure=any_of(study.built_by(kind)),
        localrule: not BUILDERS[kind].gpu
        conda:
            "../../envs/workflow.yaml"
        threads: training_threads if BUILDERS[kind].gpu else 1
        resources:
            gpu=gpus if BUILDERS[kind].gpu else 0,
        params:
            layout=output_params,
            expected=expected_of_output,
            settings=params_of(study.figure_settings, "figure"),
        script:
            "../scripts/draw_pdf.py"


rule write_latex_study:
    input:
        tables=expand("results/paper/{table}.tex", table=study.tables()),
        figures=expand("results/paper/{figure}.pdf", figure=study.figures()),
    output:
        tex="results/paper/study.tex",
    log:
        "logs/write_latex_study.log",
    benchmark:
        "logs/benchmarks/write_latex_study.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=study.reporting_settings(),
    script:
        "../scripts/write_latex_study.py"
