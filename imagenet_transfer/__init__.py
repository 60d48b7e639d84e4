"""What makes ImageNet good for transfer learning? Huh, Agrawal & Efros (2016) as a library."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from imagenet_transfer.trained import TrainedNetwork

__version__ = "0.5.0"


def load(folder: "Path | str", device: str = "cpu") -> "TrainedNetwork":
    """Return the trained network that a run left in `folder`: see `trained.load`."""
    from imagenet_transfer import trained  # loads torch, which a dry run can do without

    return trained.load(folder, device)


def export_caffe(folder: "Path | str", path: "Path | str") -> None:
    """Write the AlexNet of a run's folder as Caffe's files: see `trained.export_caffe`."""
    from imagenet_transfer import trained

    trained.export_caffe(folder, path)
