"""What makes ImageNet good for transfer learning? See README.md for the targets, config.yaml for the experiments."""

from snakemake.utils import min_version

min_version("9.11")

if "study" not in config:  # --configfile merges into it: the default study is read only if no study was given

    configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/label_sets.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/reporting.smk"


localrules:
    all,
    tables,
    figures,
    label_sets,
    manifests,
    stores,
    pretrain_all,


rule all:
    default_target: True
    input:
        all_outputs(),


rule tables:
    input:
        table_files(),


rule figures:
    input:
        figure_files(),


rule label_sets:
    input:
        expand("results/label_sets/{label_set}.csv", label_set=study.label_sets_of_wordnet()),


rule manifests:
    input:
        expand("results/manifests/{subset}.csv.gz", subset=study.subsets),


rule stores:
    input:
        expand("stores/{dataset}/meta.json", dataset=study.datasets),


rule pretrain_all:
    input:
        all_metrics(study.pretrain_runs),
