"""Finding damage in packed stores and other files, and packing damaged records again in place."""

import contextlib
import gzip
import hashlib
import itertools
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.data.codecs import Encoder, UnreadableImage, encoder
from imagenet_transfer.data.layouts import Listing
from imagenet_transfer.data.packing import libraries
from imagenet_transfer.data.store import Store
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import atomic_write, read_facts, sha256_of


def damaged_images(folder: Path, threads: int) -> list[tuple[str, str]]:
    """Return (image, path of its shard) for each damaged or missing record, in the store's order.

    A shard with bytes behind its last record adds one more entry. Raises UserError if the store's
    tables are damaged, without which no record can be checked.
    """
    store = Store(folder, threads, complete=False)
    _check_tables(store)
    damaged = [(image, str(store.shard_of(row))) for row, image in store.verify()]
    sizes = enumerate(store.meta["shard_bytes"])
    longer = [
        number
        for number, size in sizes
        if store.shard(number).is_file() and _size(store, number) > size
    ]
    return damaged + [
        ("bytes behind the last image", str(store.shard(number))) for number in longer
    ]


def _size(store: Store, shard: int) -> int:
    return store.shard(shard).stat().st_size


def is_whole(path: Path) -> bool:
    """Return whether a file has the digest, if any, that the JSON next to it states.

    The JSON of features also states that of their lengths. Raises UserError if it is damaged.
    """
    facts = read_facts(path.with_suffix(".json"))
    stated = {path: facts.get("digest"), _lengths_of(path): facts.get("lengths")}
    return all(
        file.is_file() and digest == sha256_of(file) for file, digest in stated.items() if digest
    )


def _lengths_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}-lengths.npy")


def mend_store(
    folder: Path, listing: Listing, root: Path, spec: Mapping[str, Any], threads: int
) -> None:
    """Pack the damaged records of a store again from the images below `root`.

    `listing` and `spec` are those that the store was packed with. Only shards are written, and only
    after their records have the checksums in the index: what was computed from the store stays
    valid and up to date. Raises UserError if an image on disk is not the one that was packed.
    """
    store = Store(folder, threads, complete=False)
    _check_tables(store)
    damaged = [row for row, _ in store.verify()]
    rows_of = {
        shard: list(rows)
        for shard, rows in itertools.groupby(damaged, lambda row: store.index["shard"][row])
    }
    record = _record_maker(store, listing, root, encoder(spec))
    for shard, size in enumerate(store.meta["shard_bytes"]):
        if shard in rows_of or _size(store, shard) != size:
            _mend_shard(store, shard, rows_of.get(shard, []), record)


def _mend_shard(
    store: Store, shard: int, rows: Sequence[int], record: Callable[[int], bytes]
) -> None:
    path = store.shard(shard)
    with atomic_write(path) as temporary:
        if path.is_file():
            shutil.copyfile(path, temporary)
        with temporary.open("r+b" if path.is_file() else "w+b") as file:
            file.truncate(store.meta["shard_bytes"][shard])
            for row in rows:
                file.seek(int(store.index["offset"][row]))
                file.write(record(row))


def _record_maker(
    store: Store, listing: Listing, root: Path, encode: Encoder
) -> Callable[[int], bytes]:
    """Return a function that makes the record of a row of the store from the image on disk.

    It raises UserError if its bytes are not those that were packed.
    """
    path_of = dict(zip(listing.images["image"], listing.images["path"], strict=True))
    source = listing.reader(root)

    def record(row: int) -> bytes:
        image = store.images["image"][row]
        if image not in path_of:
            raise _not_as_packed(store, f"{root} no longer has the image {image}")
        try:
            data = encode(source.read(path_of[image]))[0]
        except UnreadableImage as error:
            raise _not_as_packed(
                store, f"{root / path_of[image]} cannot be read ({error})"
            ) from error
        if zlib.crc32(data) != store.index["crc32"][row]:
            _check_libraries(store)
            raise _not_as_packed(
                store, f"{root / path_of[image]} is no longer what was packed as {image}"
            )
        return data

    return record


def _check_libraries(store: Store) -> None:
    """Raise UserError if other versions of the libraries packed it: they may write other bytes."""
    try:
        packed_by = read_facts(store.folder / "packed.json", "libraries")["libraries"]
    except UserError:
        return
    if packed_by != libraries():
        raise UserError(
            f"{store.folder} was packed by {packed_by}, but installed are {libraries()}, which "
            "write other bytes: copy the damaged shards from where they are whole, or install "
            "those versions for `repair`."
        )


def _not_as_packed(store: Store, problem: str) -> UserError:
    return UserError(
        f"{store.folder} cannot be mended: {problem}. Restore the data set; or delete "
        f"{store.folder} and run the same command without a target, which packs what is there now "
        "and recomputes what depends on it."
    )


def _check_tables(store: Store) -> None:
    try:
        tables = [
            gzip.decompress((store.folder / f"{name}.csv.gz").read_bytes())
            for name in ("images", "objects")
        ]
        digest = hashlib.sha256(store.index.tobytes() + b"".join(tables)).hexdigest()
    except (OSError, EOFError, zlib.error):
        digest = "none"
    if digest != store.meta["digest"]:
        raise UserError(
            f"The tables of {store.folder} (index.npy, images.csv.gz, objects.csv.gz) are damaged: "
            f"delete {store.folder}, then run the target `stores` by itself, which packs it again; "
            "results stay up to date."
        )


@contextlib.contextmanager
def reading_data(rendered_as: str | None) -> Iterator[None]:
    """Add to UserErrors about a rendered data set how to render it again, by its target."""
    try:
        yield
    except UserError as error:
        if not rendered_as:
            raise
        raise UserError(
            f"{error} These images are rendered: `snakemake --force {rendered_as}`, with the "
            "options of this command, renders them again."
        ) from error
