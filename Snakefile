"""What makes ImageNet good for transfer learning? README.md has the targets, config.yaml the study.

On a cluster, rules with `localrule: True` run where Snakemake does: targets, what takes seconds,
and what a user watches (unpacking, checks).
"""

from snakemake.utils import min_version

from imagenet_transfer.study.config_file import read_config

min_version("9.11")

# --configfile merges into it: the default study is read only if no study was given.
if "study" not in config:

    read_config(
        f"{workflow.current_basedir}/config.yaml"
    )  # says what is wrong with it, and in which line

    configfile: f"{workflow.current_basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/start.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/lookups/records.smk"
include: "workflow/rules/terminal.smk"
include: "workflow/rules/lookups/report.smk"
include: "workflow/rules/benchmarks.smk"
include: "workflow/rules/recovery.smk"
include: "workflow/rules/unpack.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/label_sets.smk"
include: "workflow/rules/first.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/measures.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/reporting.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/checks.smk"


# A machine's GPUs limit that machine's jobs, not those that a cluster runs.
resource_scopes:
    gpu="local",


rule all:
    default_target: True
    input:
        all_outputs(),
    localrule: True


rule tables:
    input:
        table_files(),
    localrule: True


rule figures:
    input:
        figure_files(),
    localrule: True


rule paper_tables:
    input:
        "results/paper/study.tex",
    localrule: True


rule label_sets:
    input:
        label_set_files(),
    localrule: True


rule manifests:
    input:
        manifest_files(),
    localrule: True


rule stores:
    input:
        expand("stores/{dataset}/meta.json", dataset=study.datasets),
    localrule: True


rule pretrain_all:
    input:
        metrics_of(study.pretrain_runs),
    localrule: True
