"""Learning curves as TensorBoard reads them: an event file for each run with a history.csv."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_table

HISTORY = "history.csv"
STEP = "iteration"  # the column of histories that are learning curves; measures have others


def export_events(results: Path | str, folder: Path | str) -> int:
    """Write the learning curves below `results` as event files below `folder`; return their number.

    Each run keeps its path. Raises UserError without TensorBoard, for a folder that is not empty
    (its curves would be drawn twice), for results without a curve, and for damaged histories.
    """
    results, folder = Path(results), Path(folder)
    write = _writer()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UserError(
            f"{folder} is not an empty folder, and curves would be drawn twice: name a new one."
        )
    curves = {path: read_table(path) for path in sorted(results.rglob(HISTORY))}
    curves = {path: frame for path, frame in curves.items() if STEP in frame.columns}
    for path, frame in curves.items():
        _check_steps(path, frame)
    if not curves:
        raise UserError(
            f"{results} has no {HISTORY} of a training below it: name the folder that a study's "
            "results are in, or one of a run."
        )
    for path, frame in curves.items():
        write(folder / path.parent.relative_to(results), frame, path.stat().st_mtime)
    return len(curves)


def _check_steps(path: Path, frame: pd.DataFrame) -> None:
    """Raise UserError unless the steps of a history are numbers of iterations."""
    steps = pd.to_numeric(frame[STEP], errors="coerce")
    if not (steps.between(0, 2**62) & (steps % 1 == 0)).all():
        raise UserError(
            f"{path} has a {STEP} that is not a whole number from 0: the file was damaged or "
            "edited; take the one of the run, or leave it out."
        )


def _writer() -> Callable[[Path, pd.DataFrame, float], None]:
    """Return what writes a history, with a time, into a folder; UserError without TensorBoard."""
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise UserError(
            "TensorBoard is not installed: install it with `pip install tensorboard`."
        ) from error

    def summary(values: dict[str, Any]) -> Any:
        known = {name: value for name, value in values.items() if pd.notna(value)}
        pairs = [
            summary_pb2.Summary.Value(tag=name, simple_value=value) for name, value in known.items()
        ]
        return summary_pb2.Summary(value=pairs)

    def write(folder: Path, frame: pd.DataFrame, time: float) -> None:
        numbers = frame.select_dtypes("number")
        with contextlib.closing(EventFileWriter(str(folder))) as file:
            for row in numbers.to_dict("records"):
                step = int(row.pop(STEP))
                file.add_event(event_pb2.Event(wall_time=time, step=step, summary=summary(row)))

    return write
