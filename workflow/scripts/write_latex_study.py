"""Write the LaTeX document that shows the study's tables and figures."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import write_text
    from imagenet_transfer.reporting.latex import study_latex

    tables, figures = (
        [Path(path).stem for path in files]
        for files in (snakemake.input.tables, snakemake.input.figures)
    )
    text = study_latex(snakemake.params.settings, tables, figures)
    write_text(snakemake.output.tex, text)
