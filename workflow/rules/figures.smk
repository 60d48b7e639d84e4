"""Figures 1 to 9 and two of our own, each as PNG and SVG, with the numbers that it plots as CSV.

INPUTS:  metrics.json of the runs that a figure shows, manifests, label sets, stores, features, predictions
OUTPUTS: results/{figure}.png and .svg; .csv where numbers are plotted
"""


rule draw_curve:
    input:
        metrics=output_metrics,
        networks=output_networks,
        manifests=sizes_of_subsets,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
        csv="results/{figure}.csv",
    log:
        "logs/draw_curve/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_curve/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("curve"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=output_expected,
    script:
        "../scripts/draw_curve.py"


rule draw_split_accuracy:
    input:
        metrics=output_metrics,
        networks=output_networks,
        manifests=output_manifests,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
        csv="results/{figure}.csv",
    log:
        "logs/draw_split_accuracy/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_split_accuracy/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("split-accuracy"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=output_expected,
    script:
        "../scripts/draw_split_accuracy.py"


rule draw_correlation:
    input:
        metrics=output_metrics,
        networks=output_networks,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
        csv="results/{figure}.csv",
        points="results/{figure}-points.csv",
    log:
        "logs/draw_correlation/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_correlation/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("correlation"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=output_expected,
    script:
        "../scripts/draw_correlation.py"


rule draw_coarse_limit:
    input:
        metrics=output_metrics,
        networks=output_networks,
        manifests=sizes_of_subsets,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
        csv="results/{figure}.csv",
    log:
        "logs/draw_coarse_limit/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_coarse_limit/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("coarse-limit"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=output_expected,
    script:
        "../scripts/draw_coarse_limit.py"


rule draw_clustering:
    input:
        label_sets=label_sets_of_output,
        store=store_of_output,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
    log:
        "logs/draw_clustering/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_clustering/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("clustering"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        classes=study.classes,
    script:
        "../scripts/draw_clustering.py"


rule draw_induction:
    input:
        induction=induction_of_output,
        weights=induction_weights,
        networks=output_networks,
        induced=induced_networks,
        baselines=induced_baselines,
        manifests=output_manifests,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
        csv="results/{figure}.csv",
    log:
        "logs/draw_induction/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_induction/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("induction"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=output_expected,
    script:
        "../scripts/draw_induction.py"


rule draw_neighbours:
    input:
        store=store_of_output,
        features=features_of_output,
        networks=output_networks,
        label_sets=label_sets_of_output,
        manifests=output_manifests,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
        csv="results/{figure}.csv",
    log:
        "logs/draw_neighbours/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_neighbours/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("neighbours"),
    conda:
        "../../envs/workflow.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=gpus,
    params:
        layout=output_params,
        expected=output_expected,
        settings=study.analysis_slice(),
        seed=study.seed,
    script:
        "../scripts/draw_neighbours.py"


rule draw_coarse_gain:
    input:
        store=store_of_output,
        predictions=predictions_of_output,
        networks=output_networks,
        label_set=label_sets_of_output,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
        csv="results/{figure}.csv",
    log:
        "logs/draw_coarse_gain/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_coarse_gain/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("coarse-gain"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        expected=output_expected,
        settings=study.analysis_slice(),
        seed=study.seed,
    script:
        "../scripts/draw_coarse_gain.py"


rule draw_splits:
    input:
        label_sets=label_sets_of_output,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
    log:
        "logs/draw_splits/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_splits/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("splits"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        classes=study.classes,
    script:
        "../scripts/draw_splits.py"


rule draw_collages:
    input:
        label_sets=label_sets_of_output,
        store=store_of_output,
    output:
        png="results/{figure}.png",
        svg="results/{figure}.svg",
    log:
        "logs/draw_collages/{figure}.log",
    benchmark:
        "logs/benchmarks/draw_collages/{figure}.tsv"
    wildcard_constraints:
        figure=outputs_built_by("collages"),
    conda:
        "../../envs/workflow.yaml"
    params:
        layout=output_params,
        seed=study.seed,
    script:
        "../scripts/draw_collages.py"
