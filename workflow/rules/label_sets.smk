"""From WordNet to label sets, and from label sets to manifests.

INPUTS:  resources/, the class list, stores/{dataset}/
OUTPUTS: results/label_sets/{label_set}.csv, results/manifests/{subset}.csv.gz and .json; what is drawn at random has one
         for each replicate, those of replicate 2 and later in a folder rep{rep}/
"""


rule make_label_set:
    input:
        store=store_of_label_set,
    output:
        csv="results/label_sets/{draw}{label_set}.csv",
    log:
        "logs/make_label_set/{draw}{label_set}.log",
    benchmark:
        "logs/benchmarks/make_label_set/{draw}{label_set}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=label_set_params,
    script:
        "../scripts/make_label_set.py"


rule draw_manifest:
    input:
        store=store_of_subset,
        label_set=label_set_of_subset,
    output:
        csv="results/manifests/{draw}{subset}.csv.gz",
        summary="results/manifests/{draw}{subset}.json",
    log:
        "logs/draw_manifest/{draw}{subset}.log",
    benchmark:
        "logs/benchmarks/draw_manifest/{draw}{subset}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=manifest_params,
    script:
        "../scripts/draw_manifest.py"
