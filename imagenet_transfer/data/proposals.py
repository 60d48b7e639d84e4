"""Region proposals for a store's images: selective search (Uijlings et al. 2013) or user's boxes.

`boxes.npz` has `boxes` (float32 M,4: half-open pixels x1, y1, x2, y2, one record after another) and
`starts` (int64, records + 1: record i has the boxes starts[i] to starts[i + 1]). `boxes.json`,
written last, says what they were made from.
"""

import shutil
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.data.store import Store
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import atomic_write, check_regular, read_facts, sha256_of, write_json
from imagenet_transfer.running.progress import Progress
from imagenet_transfer.running.provenance import fingerprint_of
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.versions import VERSIONS

STRATEGIES = {  # by number of colour spaces, segmentations and similarities, the fewest first
    "single": "switchToSingleStrategy",
    "fast": "switchToSelectiveSearchFast",
    "quality": "switchToSelectiveSearchQuality",
}
PART_ROWS = 64  # records per part: a killed search loses a few minutes of work at most


@dataclass(frozen=True)
class Proposals:
    """The boxes of a store's records, shuffled within each image: the first few are a fair draw."""

    boxes: np.ndarray
    starts: np.ndarray
    facts: Mapping[str, Any]

    def of(self, row: int) -> np.ndarray:
        """Return the boxes of a record, float32 (n,4), half-open pixels."""
        return self.boxes[self.starts[row] : self.starts[row + 1]]


def propose(
    store: Store, folder: Path, spec: Mapping[str, Any], workers: int, progress: bool = True
) -> None:
    """Write the proposals for all images of the store to boxes.npz and boxes.json in `folder`.

    `spec` is either {method: selective-search, mode: one of STRATEGIES, max_boxes: per image
    (default 2000), min_side: pixels (20)}, which continues an interrupted search with the same
    spec; or {method: file, path: a CSV with the columns image, xmin, ymin, xmax, ymax in VOC's
    coordinates}. Raises UserError if this file does not fit the store.
    """
    facts = {"spec": dict(spec), "store": store.meta["digest"], "opencv": cv2.__version__}
    facts["version"] = VERSIONS["proposals"]
    if spec["method"] == "file":
        path = Path(spec["path"])
        boxes = _read_boxes(path, store)
        facts |= {"spec": {"method": "file"}, "opencv": None, "file": sha256_of(path)}
        _write(folder, boxes, facts)
        return
    parts = folder / f"parts-{fingerprint_of(facts)}"
    _write(folder, _search_all(store, parts, spec, workers, progress), facts)
    for leftover in folder.glob("parts-*"):
        shutil.rmtree(leftover)


def read_proposals(folder: Path) -> Proposals:
    """Return what `propose` wrote; raise UserError if it is incomplete or damaged."""
    facts_path = folder / "boxes.json"
    boxes_path = folder / "boxes.npz"
    if not (facts_path.is_file() and boxes_path.is_file()):
        lost = " and ".join(path.name for path in (facts_path, boxes_path) if not path.is_file())
        raise UserError(
            f"{folder} has no finished proposals ({lost} is missing): delete the folder and run "
            f"the target {facts_path} by itself; results stay up to date."
        )
    facts = read_facts(facts_path, "digest", "store")
    if sha256_of(boxes_path) != facts["digest"]:
        raise UserError(
            f"{boxes_path} is damaged: delete {folder} and run the target {facts_path} by itself; "
            "results stay up to date."
        )
    try:
        with np.load(boxes_path) as arrays:
            return Proposals(arrays["boxes"], arrays["starts"], facts)
    except Exception as error:  # NumPy reads headers as Python, so damage may raise anything
        raise UserError(
            f"{boxes_path} has no boxes: delete {folder} and run the target that makes it."
        ) from error


def _write(folder: Path, boxes: Sequence[np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write the boxes of all records; equal boxes give equal bytes, as NumPy stores no time."""
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


# --- selective search -----------------------------------------------------------------------------


def _search_all(
    store: Store, parts: Path, spec: Mapping[str, Any], workers: int, progress: bool
) -> list[np.ndarray]:
    """Return the boxes of each record, found by `workers` threads."""
    cv2.setNumThreads(1)  # each; OpenCV releases Python's lock while it searches
    ranges = [
        range(start, min(start + PART_ROWS, len(store)))
        for start in range(0, len(store), PART_ROWS)
    ]
    stop = threading.Event()
    lines = Progress(len(store), {"images": 1})
    with ThreadPoolExecutor(workers) as pool:

        def search_part(rows: range) -> list[np.ndarray]:
            boxes = [] if stop.is_set() else _search_part(store, rows, parts, spec, stop)
            if progress:
                lines.advance(len(boxes))
            return boxes

        try:
            return [boxes for part in pool.map(search_part, ranges) for boxes in part]
        finally:
            stop.set()  # so that an error or Ctrl-C does not wait for the other parts


def _search_part(
    store: Store, rows: range, parts: Path, spec: Mapping[str, Any], stop: threading.Event
) -> list[np.ndarray]:
    """Return the boxes of some records, from disk if a search saved them; [] if stopped."""
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
    """Return the boxes that an earlier search saved; [] if the file is missing or damaged."""
    try:
        with np.load(path) as arrays:
            return [arrays[name] for name in arrays.files]
    except Exception:  # NumPy reads headers as Python, so damage may raise anything
        return []


def _search(image: np.ndarray, name: str, spec: Mapping[str, Any]) -> np.ndarray:
    """Return an image's proposals (n,4); `name` seeds their order."""
    boxes = selective_search(image, spec["mode"])
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2]).min(1) >= spec.get("min_side", 20)]
    order = np.random.default_rng(seed_of("selective search", name)).permutation(len(boxes))
    return boxes[order[: spec.get("max_boxes", 2000)]]


def selective_search(image: np.ndarray, mode: str) -> np.ndarray:
    """Return the regions of a uint8 RGB image (H,W,3) as float32 (n,4) half-open pixels.

    `mode` is one of STRATEGIES. The regions are distinct and sorted, as OpenCV's own order depends
    on C's `rand`, which neither `cv2.setRNGSeed` nor a separate thread controls.
    """
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(image[..., ::-1]))  # BGR
    getattr(search, STRATEGIES[mode])()
    rectangles = np.asarray(search.process(), dtype=np.float32).reshape(-1, 4)
    corners = rectangles[:, :2]
    sides = rectangles[:, 2:]
    return np.unique(np.concatenate([corners, corners + sides], axis=1), axis=0)


# --- the user's own boxes -------------------------------------------------------------------------


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
    _refuse(path, table["image"][outside], "that reach beyond their image (pixels count from 1)")
    without = images[~np.isin(np.arange(len(images)), rows)]
    if len(without):
        raise UserError(
            f"{path} has no box for {len(without):,} of {len(images):,} images "
            f"(first: {without.iloc[0]}): add them."
        )
    order = np.argsort(rows, kind="stable")
    boxes = (corners - [1, 1, 0, 0])[order].astype(np.float32)
    return np.split(boxes, np.searchsorted(rows[order], np.arange(1, len(images))))


def _refuse(path: Path, images: pd.Series, what: str) -> None:
    if len(images):
        raise UserError(
            f"{path} has {len(images):,} boxes {what} (first: of image {images.iloc[0]}): "
            "correct the file."
        )


def _read_table(path: Path) -> pd.DataFrame:
    """Return the columns image (text) and CORNERS (numbers) of the CSV file."""
    try:
        table = pd.read_csv(check_regular(path), dtype={"image": str}, keep_default_na=False)
        return table[["image", *CORNERS]].astype(dict.fromkeys(CORNERS, np.float64))
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: correct `path` of the proposals in the config."
        ) from None
    except (
        Exception
    ) as error:  # pandas unpacks by suffix, with libraries that have their own errors
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:150]
        raise UserError(
            f"{path} is not a table of boxes ({reason}): "
            "it needs the columns image, xmin, ymin, xmax and ymax."
        ) from error
