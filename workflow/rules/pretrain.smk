"""Pre-training: `replicates` networks per subset and architecture, trained or given (`weights`).

INPUTS:  the replicate's manifest and label set, its store; for a given network its files, whose
         checksums are params: no result depends on where they lie
OUTPUTS: results/pretrain/{arch}/{subset}/rep{rep}/{weights.pt,metrics.json}; of a trained network
         also history.csv and images.csv.gz (every test image with its result), and state.pt next
         to them while it runs
"""


include: "lookups/pretrain.smk"


rule pretrain:
    input:
        store=store_of_subset,
        label_set=label_set_of_subset,
        manifest=manifest_of_subset,
        summary=summary_of_subset,
        first=first_check(
            "results/pretrain/{arch}/{subset}/rep{rep}/metrics.json",
            params_of(study.pretrain_settings, "arch", "subset", "rep"),
        ),
    output:
        weights="results/pretrain/{arch}/{subset}/rep{rep}/weights.pt",
        metrics="results/pretrain/{arch}/{subset}/rep{rep}/metrics.json",
        history="results/pretrain/{arch}/{subset}/rep{rep}/history.csv",
        images="results/pretrain/{arch}/{subset}/rep{rep}/images.csv.gz",
    log:
        "logs/pretrain/{arch}/{subset}/rep{rep}.log",
    benchmark:
        "logs/benchmarks/pretrain/{arch}/{subset}/rep{rep}.tsv"
    wildcard_constraints:
        subset=any_of(set(study.subsets).difference(GIVEN)),
    conda:
        "../../envs/workflow.yaml"
    threads: training_threads
    resources:
        gpu=gpus,
    params:
        settings=params_of(study.pretrain_settings, "arch", "subset", "rep"),
    script:
        "../scripts/pretrain.py"


rule import_network:
    output:
        weights="results/pretrain/{arch}/{subset}/rep{rep}/weights.pt",
        metrics="results/pretrain/{arch}/{subset}/rep{rep}/metrics.json",
    log:
        "logs/import_network/{arch}/{subset}/rep{rep}.log",
    benchmark:
        "logs/benchmarks/import_network/{arch}/{subset}/rep{rep}.tsv"
    wildcard_constraints:
        subset=any_of(GIVEN),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        settings=params_of(study.given_settings, "arch"),
        files=given_files,
    script:
        "../scripts/import_network.py"
