"""Draw Figure 3, with a training image of each class."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.figures.clustering import choose_leaves, classes_under, draw_clustering
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.labels.label_sets import read_label_set
    from imagenet_transfer.labels.taxonomy import read_classes, taxonomy_for

    taxonomy, layout = taxonomy_for(read_classes(snakemake.params.classes)), snakemake.params.layout
    label_sets = {Path(path).stem: read_label_set(path) for path in snakemake.input.label_sets}
    store = Store(Path(snakemake.input.store).parent)
    firsts = (
        store.images[store.images["split"] == "train"]
        .drop_duplicates("class")
        .reset_index()
        .set_index("class")
    )
    leaves = choose_leaves(
        classes_under(firsts.index, taxonomy, layout["under"]), taxonomy, layout["leaves"]
    )
    examples = {wnid: store.image(row) for wnid, row in firsts["index"].loc[list(leaves)].items()}
    figure = draw_clustering(taxonomy, label_sets, layout, examples)
    save_figure(figure, Path(snakemake.output.png), Path(snakemake.output.svg))
