"""Draw Figure 8."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.figures.collages import draw_collages, pick_images
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.labels.label_sets import read_label_set

    layout = snakemake.params.layout
    label_sets = {Path(path).stem: read_label_set(path) for path in snakemake.input.label_sets}
    store = Store(Path(snakemake.input.store).parent)
    images = store.images[store.images["split"] == "train"]
    halves, sizes = {}, {}
    for split, pair in layout["splits"].items():
        for half, name in zip("ab", pair, strict=True):
            chosen = pick_images(images, label_sets[name], layout["images"], snakemake.params.seed)
            halves[split, half] = [store.image(row) for row in store.rows(chosen)]
            sizes[name] = len(label_sets[name])
    figure = draw_collages(halves, layout | {"n_classes": sizes})
    save_figure(figure, Path(snakemake.output.png), Path(snakemake.output.svg))
