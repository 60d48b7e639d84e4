"""Region proposals of a store's images: selective search (Uijlings et al. 2013), or boxes that the user brings.

`boxes.npz` holds `boxes` (float32 M,4: half-open pixels x1, y1, x2, y2, the records one after another) and `starts`
(int64, records + 1: the boxes of record i are starts[i]..starts[i + 1]); `boxes.json`, written last, says of what.
"""

import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from imagenet_transfer.data.layouts.voc import CORNERS
from imagenet_transfer.data.store import Store
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import atomic_write, check_regular, read_facts, sha256_of, write_json
from imagenet_transfer.running.provenance import fingerprint_of
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.versions import VERSIONS

STRATEGIES = {  # from the fewest colour spaces, segmentations and similarities to the most
    "single": "switchToSingleStrategy",
    "fast": "switchToSelectiveSearchFast",
    "quality": "switchToSelectiveSearchQuality",
}
PART_ROWS = 64  # records a part: at most some minutes of work are lost when a search is killed


@dataclass(frozen=True)
class Proposals:
    """The boxes of every record of a store, in random order within an image, so that the first few are a fair draw."""

    boxes: np.ndarray
    starts: np.ndarray
    facts: Mapping[str, Any]

    def of(self, row: int) -> np.ndarray:
        """Return the boxes of a record, float32 (n,4), half-open pixels."""
        return self.boxes[self.starts[row] : self.starts[row + 1]]


def propose(
    store: Store, folder: Path, spec: Mapping[str, Any], workers: int, progress: bool = True
) -> None:
    """Write boxes.npz and boxes.json of every image of the store into `folder`.

    `spec` is {method: selective-search, mode: one of STRATEGIES, max_boxes: an image (default 2000), min_side: pixels
    (20)}, which continues an interrupted search of the same sort; or {method: file, path: CSV with the columns
    image, xmin, ymin, xmax, ymax in VOC's coordinates}. Raises UserError if such a file does not fit the store.
    """
    facts = {"spec": dict(spec), "store": store.meta["digest"], "opencv": cv2.__version__}
    facts["version"] = VERSIONS["proposals"]
    if spec["method"] == "file":
        given = Path(spec["path"])
        boxes = _read_boxes(given, store)
        facts |= {"spec": {"method": "file"}, "opencv": None, "file": sha256_of(given)}
        _write(folder, boxes, facts)
        return
    parts = folder / f"parts-{fingerprint_of(facts)}"
    _write(folder, _search_all(store, parts, spec, workers, progress), facts)
    for leftover in folder.glob("parts-*"):
        shutil.rmtree(leftover)


def read_proposals(folder: Path) -> Proposals:
    """Return what `propose` wrote; UserError if the folder holds no whole set of proposals."""
    facts_path, boxes_path = folder / "boxes.json", folder / "boxes.npz"
    if not (facts_path.is_file() and boxes_path.is_file()):
        lost = " and ".join(path.name for path in (facts_path, boxes_path) if not path.is_file())
        raise UserError(
            f"{folder} holds no finished proposals ({lost} is missing): delete the folder and run the target "
            f"{facts_path} by itself, after which results stay up to date."
        )
    facts = read_facts(facts_path, "digest", "store")
    if sha256_of(boxes_path) != facts["digest"]:
        raise UserError(
            f"{boxes_path} is damaged: delete {folder} and run the target {facts_path} by itself, after which results "
            "stay up to date."
        )
    try:
        with np.load(boxes_path) as arrays:
            return Proposals(arrays["boxes"], arrays["starts"], facts)
    except Exception as error:  # a damaged header raises whatever reading it as Python leads to
        raise UserError(
            f"{boxes_path} holds no boxes: delete {folder} and run the target that makes it."
        ) from error


def _write(folder: Path, boxes: Sequence[np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write the boxes of all records; equal boxes give equal bytes, as NumPy's archives hold no time."""
    (folder / "boxes.json").unlink(missing_ok=True)
    starts = np.cumsum([0, *map(len, boxes)], dtype=np.int64)
    with atomic_write(folder / "boxes.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, boxes=_joined(boxes), starts=starts)
    counts = {
        "num_images": len(boxes),
        "num_boxes": int(starts[-1]),
        "digest": sha256_of(folder / "boxes.npz"),
    }
    write_json(folder / "boxes.json", {**facts, **counts})


def _joined(boxes: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros((0, 4), np.float32), *boxes])


# --- selective search -------------------------------------------------------------------------------------------------


def _search_all(
    store: Store, parts: Path, spec: Mapping[str, Any], workers: int, progress: bool
) -> list[np.ndarray]:
    """Return the boxes of each record. Threads suffice: OpenCV lets go of Python's lock while it searches."""
    cv2.setNumThreads(1)
    ranges = [
        range(start, min(start + PART_ROWS, len(store)))
        for start in range(0, len(store), PART_ROWS)
    ]
    stop = threading.Event()
    interval = 0.5 if sys.stderr.isatty() else 60.0
    with (
        tqdm(total=len(store), unit=" images", mininterval=interval, disable=not progress) as bar,
        ThreadPoolExecutor(workers) as pool,
    ):

        def search_part(rows: range) -> list[np.ndarray]:
            boxes = [] if stop.is_set() else _search_part(store, rows, parts, spec, stop)
            bar.update(len(boxes))
            return boxes

        try:
            return [boxes for part in pool.map(search_part, ranges) for boxes in part]
        finally:
            stop.set()  # an error or Ctrl-C does not wait for the other parts


def _search_part(
    store: Store, rows: range, parts: Path, spec: Mapping[str, Any], stop: threading.Event
) -> list[np.ndarray]:
    """Return the boxes of some records, read from disk if an earlier attempt has found them; [] once `stop` is set."""
    path = parts / f"{rows.start:07d}.npz"
    boxes = _found_before(path)
    if len(boxes) == len(rows):
        return boxes
    boxes = []
    for row in rows:
        if stop.is_set():
            return []
        boxes.append(_search(store.image(row), store.images["image"][row], spec))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, *boxes)
    return boxes


def _found_before(path: Path) -> list[np.ndarray]:
    """Return the boxes that an earlier attempt has saved; [] if there are none, or the file is damaged."""
    try:
        with np.load(path) as arrays:
            return [arrays[name] for name in arrays.files]
    except Exception:  # a damaged header raises whatever reading it as Python leads to
        return []


def _search(image: np.ndarray, name: str, spec: Mapping[str, Any]) -> np.ndarray:
    """Return an image's proposals; `name` seeds their order."""
    boxes = selective_search(image, spec["mode"])
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2]).min(1) >= spec.get("min_side", 20)]
    order = np.random.default_rng(seed_of("selective search", name)).permutation(len(boxes))
    return boxes[order[: spec.get("max_boxes", 2000)]]


def selective_search(image: np.ndarray, mode: str) -> np.ndarray:
    """Return the regions of a uint8 RGB image H,W,3 as float32 (n,4) half-open pixels, each once, in ascending order.

    `mode` is one of STRATEGIES. OpenCV ranks the regions by C's `rand`, which neither `cv2.setRNGSeed` nor a thread of
    its own tames; the regions themselves do not depend on it, hence the sorting.
    """
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(image[..., ::-1]))
    getattr(search, STRATEGIES[mode])()
    rectangles = np.asarray(search.process(), dtype=np.float32).reshape(
        -1, 4
    )  # x, y, width, height
    return np.unique(
        np.concatenate([rectangles[:, :2], rectangles[:, :2] + rectangles[:, 2:]], axis=1), axis=0
    )


# --- the user's own boxes ---------------------------------------------------------------------------------------------


def _read_boxes(path: Path, store: Store) -> list[np.ndarray]:
    """Return the boxes of each record, in the order of the file."""
    table = _read_table(path)
    images = store.images["image"]
    rows = pd.Index(images).get_indexer(table["image"])
    _refuse(path, table["image"][rows < 0], "of images that the data set does not have")
    corners = table[CORNERS].to_numpy(np.float64)
    inverted = ~(corners[:, :2] <= corners[:, 2:]).all(1)  # or not a number
    _refuse(path, table["image"][inverted], "whose xmax or ymax is smaller than xmin or ymin")
    sides = np.stack([store.index["width"], store.index["height"]], axis=1)[rows]
    outside = (corners[:, :2] < 1).any(1) | (corners[:, 2:] > sides).any(1)
    _refuse(path, table["image"][outside], "that reach out of their image (pixels count from 1)")
    without = images[~np.isin(np.arange(len(images)), rows)]
    if len(without):
        raise UserError(
            f"{path} has no box for {len(without):,} of {len(images):,} images (first: {without.iloc[0]})."
        )
    order = np.argsort(rows, kind="stable")
    boxes = (corners - [1, 1, 0, 0])[order].astype(np.float32)
    return np.split(boxes, np.searchsorted(rows[order], np.arange(1, len(images))))


def _refuse(path: Path, images: pd.Series, what: str) -> None:
    if len(images):
        raise UserError(
            f"{path} has {len(images):,} boxes {what} (first: of image {images.iloc[0]}): correct the file."
        )


def _read_table(path: Path) -> pd.DataFrame:
    """Return the columns image and CORNERS of the CSV file, checked for text and numbers."""
    try:
        table = pd.read_csv(check_regular(path), dtype={"image": str}, keep_default_na=False)
        return table[["image", *CORNERS]].astype(dict.fromkeys(CORNERS, np.float64))
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: correct `path` of the proposals in the config."
        ) from None
    except Exception as error:  # pandas unpacks by a file's suffix with many libraries, each with errors of its own
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:150]
        raise UserError(
            f"{path} is no table of boxes ({reason}): it needs the columns image, xmin, ymin, xmax and ymax."
        ) from error
