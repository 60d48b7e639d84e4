"""Draw Figure 5 with its neighbours."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    import pandas as pd

    from imagenet_transfer.data.store import Store
    from imagenet_transfer.features.analyses import neighbours_of
    from imagenet_transfer.features.embeddings import read_embeddings
    from imagenet_transfer.figures.neighbours import draw_neighbours
    from imagenet_transfer.figures.style import save_figure
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.labels.label_sets import read_label_set
    from imagenet_transfer.labels.taxonomy import taxonomy_for
    from imagenet_transfer.reporting.tables import subset_sizes
    from imagenet_transfer.running.records import check_features, check_records
    from imagenet_transfer.training.stages import prepare

    device = prepare(snakemake.threads)
    layout, files, output = snakemake.params.layout, snakemake.input, snakemake.output
    store = Store(Path(files.store).parent)
    check_records(files.networks, snakemake.params.expected)
    check_features(files.features, files.networks)
    asked = (layout["queries"], layout["neighbours"], snakemake.params.seed, device)
    networks = zip(layout["subsets"], files.features, files.label_sets, strict=True)
    parts = [
        neighbours_of(
            subset,
            read_embeddings(features, store),
            store.images,
            read_label_set(label_set),
            *asked,
        )
        for subset, features, label_set in networks
    ]
    frame = pd.concat(parts, ignore_index=True)
    write_csv(output.csv, frame)
    sizes = {subset: size["n_classes"] for subset, size in subset_sizes(files.manifests).items()}
    names = taxonomy_for(store.classes).names
    layout = layout | {"n_classes": sizes, "names": names}
    figure = draw_neighbours(frame, lambda name: store.image(store.rows([name])[0]), layout)
    save_figure(figure, Path(output.png), Path(output.svg))
