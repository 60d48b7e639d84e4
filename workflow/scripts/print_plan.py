"""Print what a study would compute: what is not there yet."""

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.study.plan import alternatives, plan, read_rates, work_left
    from imagenet_transfer.study.plan_text import cards_text, first_text, plan_text
    from imagenet_transfer.study.study import Study

    rates = read_rates("rates.csv")
    study = Study.of(snakemake.config, snakemake.params.schema)
    done = list(map(tuple, snakemake.params.done))
    notes = [*cards_text(work_left(study, done), rates), *first_text(study, rates)]
    print(plan_text(plan(study, rates, done), rates, alternatives(study, rates), notes))
