"""From data sets on disk to packed stores; the miniature world is rendered first.

INPUTS:  the data sets' folders (`datasets.*.root`; not declared, so that a dry run needs no data)
OUTPUTS: data/miniature/{part}.json, stores/{dataset}/ and proposals/{dataset}/ (their .json is
         written last), results/miniature.png
"""


include: "lookups/data.smk"


rule render_miniature:
    output:
        summary="data/miniature/{part}.json",
    log:
        "logs/render_miniature/{part}.log",
    benchmark:
        "logs/benchmarks/render_miniature/{part}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: all_cores(8)
    params:
        settings=params_of(study.render_settings, "part"),
    script:
        "../scripts/render_miniature.py"


# A whole store that lies elsewhere has no rule, so that Snakemake cannot delete what others use.
# unreadable.csv is not a declared output: Snakemake would delete it after the failure it explains.
rule pack_store:
    input:
        rendered_part,
    output:
        meta="stores/{dataset}/meta.json",
        index="stores/{dataset}/index.npy",
        images="stores/{dataset}/images.csv.gz",
        objects="stores/{dataset}/objects.csv.gz",
    log:
        "logs/pack_store/{dataset}.log",
    benchmark:
        "logs/benchmarks/pack_store/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(packed_here()),
    conda:
        "../../envs/workflow.yaml"
    threads: all_cores(16)
    params:
        settings=params_of(study.store_settings, "dataset"),
        made_from=origin_of_store,
    script:
        "../scripts/pack_store.py"


rule propose_regions:
    input:
        meta="stores/{dataset}/meta.json",
        boxes=boxes_of_user,
    output:
        boxes="proposals/{dataset}/boxes.npz",
        meta="proposals/{dataset}/boxes.json",
    log:
        "logs/propose_regions/{dataset}.log",
    benchmark:
        "logs/benchmarks/propose_regions/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(proposed_here()),
    conda:
        "../../envs/workflow.yaml"
    threads: all_cores(16)
    params:
        settings=params_of(study.proposals_settings, "dataset"),
    script:
        "../scripts/propose_regions.py"


rule draw_contact_sheet:
    input:
        expand("data/miniature/{part}.json", part=study.rendered_parts()),
    output:
        picture=shown_summary("results/miniature.png", "Study", "the rendered world"),
    log:
        "logs/draw_contact_sheet.log",
    benchmark:
        "logs/benchmarks/draw_contact_sheet.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        classes=study.classes,
    script:
        "../scripts/draw_contact_sheet.py"
