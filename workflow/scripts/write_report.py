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
        endings = builder_of(layout).csv_files()
        csv = {name: png.with_name(f"{png.stem}{ending}") for name, ending in endings.items()}
        offered = [png.with_suffix(".svg"), *csv.values()]
        figures.append(Picture(png.stem, png, caption(layout), layout, csv, offered))
    jobs = Path("logs/benchmarks")
    parts = Parts(
        **settings["study"],
        findings=read_table(files.findings),
        power=read_table(files.power),
        tables={Path(path).stem: Path(path).read_text(encoding="utf-8") for path in files.tables},
        figures=figures,
        comparison=read_table(files.comparison),
        runs=read_table(files.runs),
        records=[Path(path) for path in files.records],
        metrics={name: task["metric"] for name, task in settings["tasks"].items()},
        label_sets={Path(path).stem: Path(path) for path in files.label_sets},
        layouts=settings["outputs"],
        benchmarks=sorted(jobs.rglob("*.tsv")),
        benchmark_folder=jobs,
    )
    report(snakemake.output.html, parts)
