"""Write the whole study on one page."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.builders import builder_of, caption
    from imagenet_transfer.files import read_table
    from imagenet_transfer.reporting.report import Parts, Picture, report

    files = snakemake.input
    settings = snakemake.params.settings
    figures = []
    for png in map(Path, files.figures):
        layout = settings["outputs"][png.stem]
        endings = builder_of(layout).csv_files().values()
        numbers = " and ".join(str(png.with_name(f"{png.stem}{ending}")) for ending in endings)
        figures.append(Picture(png.stem, png, caption(layout), numbers))
    parts = Parts(
        **settings["study"],
        findings=read_table(files.findings),
        power=read_table(files.power),
        tables={Path(path).stem: Path(path).read_text(encoding="utf-8") for path in files.tables},
        figures=figures,
        comparison=read_table(files.comparison),
        runs=read_table(files.runs),
        records=[Path(path) for path in files.records],
    )
    report(snakemake.output.html, parts)
