"""Every packed store, set of features and of region proposals, checked with a printed line each."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imagenet_transfer.data.integrity import damaged_images, is_whole
from imagenet_transfer.errors import UserError


def verify(
    stores: Sequence[Path], files: Mapping[Path, str], threads: int, repair_command: str
) -> None:
    """Check the stores, and the files that match a pattern in each folder of `files`.

    Raises UserError at the end, with what is damaged and how to mend it.
    """
    damaged, sentences = check_stores(stores, threads)
    if damaged:
        first = ", ".join(f"{image} in {shard}" for image, shard in damaged[:5])
        more = ", ..." if len(damaged) > 5 else ""
        sentences.append(
            f"{len(damaged):,} packed images are damaged ({first}{more}). This packs them again: "
            f"{repair_command}"
        )
    paths = [path for folder, pattern in files.items() for path in sorted(folder.glob(pattern))]
    if broken := check_files(
        [path for path in paths if path.with_suffix(".json").exists()], threads
    ):
        sentences.append(
            f"Damaged: {', '.join(map(str, broken))}. Delete what is named; the next run that "
            "needs it makes it again."
        )
    if sentences:
        raise UserError("\nError: ".join(sentences))


def check_stores(folders: Iterable[Path], threads: int) -> tuple[list[tuple[str, str]], list[str]]:
    """Return (image, shard) of all damaged records, and why stores cannot be read at all."""
    damaged = []
    unreadable = []
    for folder in folders:
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


def check_files(paths: Sequence[Path], threads: int) -> list[Path]:
    """Return the files that differ from the checksum next to them, or cannot be read."""
    with ThreadPoolExecutor(threads) as pool:
        whole = dict(zip(paths, pool.map(_is_sound, paths), strict=True))
    for path, is_sound in whole.items():
        print(f"{path}: {'whole' if is_sound else 'damaged'}", flush=True)
    return [path for path, is_sound in whole.items() if not is_sound]


def _is_sound(path: Path) -> bool:
    try:
        return is_whole(path)
    except UserError:
        return False
