"""Check every packed store, set of features and of proposals, a line each; end with an error if any is damaged."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imagenet_transfer.running.jobs import job_log


def check_stores(datasets, threads):
    """Return (image, shard) of all damaged records, and what is wrong with stores that cannot be read at all."""
    damaged, unreadable = [], []
    for dataset in datasets:
        folder = Path("stores") / dataset
        if not (folder / "meta.json").is_file():
            print(f"{folder}: not packed yet", flush=True)
            continue
        try:
            found = damaged_images(folder, threads)
        except UserError as error:
            unreadable.append(str(error))
            print(f"{folder}: cannot be read", flush=True)
            continue
        print(f"{folder}: {f'{len(found):,} images are damaged' if found else 'whole'}", flush=True)
        damaged += found
    return damaged, unreadable


def check_files(threads):
    """Return the damaged files of features and proposals."""
    patterns = {"embeddings": "*/*/*.npy", "proposals": "*/boxes.npz"}
    paths = [
        path for folder, pattern in patterns.items() for path in sorted(Path(folder).glob(pattern))
    ]
    paths = [path for path in paths if path.with_suffix(".json").is_file()]
    with ThreadPoolExecutor(threads) as pool:
        whole = list(pool.map(sound, paths))
    for path, is_sound in zip(paths, whole, strict=True):
        print(f"{path}: {'whole' if is_sound else 'damaged'}", flush=True)
    return [str(path) for path, is_sound in zip(paths, whole, strict=True) if not is_sound]


def sound(path):
    """Tell whether a file has the checksum beside it; not if that cannot be read."""
    try:
        return is_whole(path)
    except UserError:
        return False


with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.integrity import damaged_images, is_whole
    from imagenet_transfer.errors import UserError

    damaged, sentences = check_stores(snakemake.params.datasets, snakemake.threads)
    if damaged:
        first = ", ".join(f"{image} in {shard}" for image, shard in damaged[:5])
        sentences.append(
            f"{len(damaged):,} packed images are damaged ({first}{', ...' if len(damaged) > 5 else ''}). "
            f"This packs them again: {snakemake.params.repair}"
        )
    if files := check_files(snakemake.threads):
        sentences.append(
            f"Damaged: {', '.join(files)}. Delete what is named; the next run that needs it makes it again."
        )
    if sentences:
        raise UserError("\nError: ".join(sentences))
