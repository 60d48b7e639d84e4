"""Figures 1 to 9 and our own, each as PNG and SVG; one rule per builder of a figure.

imagenet_transfer/figures/builders.py says what a builder needs; lookups/figures.smk where it is.

INPUTS:  metrics.json of the runs that a figure shows, manifests, label sets, stores, features,
         predictions, accuracies of induction: what its builder lists as `inputs`
OUTPUTS: results/{figure}.png and .svg; .csv where numbers are plotted; -points.csv of correlations,
         -fit.csv of surfaces
"""

from imagenet_transfer.figures.builders import BUILDERS, FIGURES


include: "lookups/figures.smk"


for kind in FIGURES:

    rule:
        name:
            f"draw_{kind.replace('-', '_')}"
        input:
            unpack(inputs_of_output),
        output:
            **{
                key: shown_output(f"results/{{figure}}{end}", "Figures")
                for key, end in BUILDERS[kind].csv_files().items()
            },
            png=shown_output("results/{figure}.png", "Figures"),
            svg=shown_output("results/{figure}.svg", "Figures"),
        log:
            f"logs/draw_{kind.replace('-', '_')}/{{figure}}.log",
        benchmark:
            f"logs/benchmarks/draw_{kind.replace('-', '_')}/{{figure}}.tsv"
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
            words=words_of_output,
        script:
            "../scripts/draw_figure.py"
