"""From WordNet, files and features to label sets, and from label sets to manifests.

INPUTS:  resources/, the class list, the user's label files (what they say is a param: no result
         depends on where they lie), stores/{dataset}/, features of the networks that group classes
OUTPUTS: results/label_sets/{label_set}.csv (.json: the features that groups are made from),
         results/manifests/{subset}.csv.gz and .json; what is drawn at random, or made by each
         network, has one for each replicate, starting with the second in a folder rep{rep}/
"""


include: "lookups/label_sets.smk"


rule make_label_set:
    input:
        store=store_of_label_set,
    output:
        csv="results/label_sets/{draw}{label_set}.csv",
    log:
        "logs/make_label_set/{draw}{label_set}.log",
    benchmark:
        "logs/benchmarks/make_label_set/{draw}{label_set}.tsv"
    wildcard_constraints:
        label_set=any_of(set(study.label_sets).difference(VISUAL)),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=params_of(study.label_set_settings, "label_set", "rep"),
    script:
        "../scripts/make_label_set.py"


rule group_classes:
    input:
        features=features_of_label_set,
        store=store_of_label_set,
        network=network_of_label_set,
    output:
        csv="results/label_sets/{draw}{label_set}.csv",
        origin="results/label_sets/{draw}{label_set}.json",
    log:
        "logs/group_classes/{draw}{label_set}.log",
    benchmark:
        "logs/benchmarks/group_classes/{draw}{label_set}.tsv"
    wildcard_constraints:
        label_set=any_of(VISUAL),
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=params_of(study.label_set_settings, "label_set", "rep"),
    script:
        "../scripts/group_classes.py"


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
    wildcard_constraints:
        subset=any_of(WITH_DATA),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=params_of(study.manifest_settings, "subset", "rep"),
    script:
        "../scripts/draw_manifest.py"
