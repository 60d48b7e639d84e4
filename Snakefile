"""What makes ImageNet good for transfer learning? See README.md for the targets, config.yaml for the experiments."""

from snakemake.utils import min_version

from imagenet_transfer.study.config_file import read_config

min_version("9.11")

if (
    "study" not in config
):  # --configfile merges into it: the default study is read only if no study was given

    read_config(f"{workflow.basedir}/config.yaml")  # says what is wrong with it, and in which line

    configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/benchmarks.smk"
include: "workflow/rules/recovery.smk"
include: "workflow/rules/unpack.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/label_sets.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/reporting.smk"
include: "workflow/rules/checks.smk"


# On a cluster these run where Snakemake does: targets, what takes seconds, and what a user watches (unpacking, checks).
localrules:
    all,
    tables,
    figures,
    label_sets,
    manifests,
    stores,
    pretrain_all,
    unpack_ilsvrc,
    make_label_set,
    draw_manifest,
    import_network,
    draw_contact_sheet,
    make_table,
    draw_curve,
    draw_clustering,
    draw_induction,
    draw_coarse_gain,
    draw_splits,
    draw_collages,
    draw_split_accuracy,
    draw_correlation,
    draw_coarse_limit,
    collect_runs,
    compare_with_paper,
    judge_findings,
    write_report,
    plan,
    verify,
    repair,


# A machine's cards limit that machine's jobs, not those that a cluster runs.
resource_scopes:
    gpu="local",


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
        label_set_files(),


rule manifests:
    input:
        manifest_files(),


rule stores:
    input:
        expand("stores/{dataset}/meta.json", dataset=study.datasets),


rule pretrain_all:
    input:
        all_metrics(study.pretrain_runs),
