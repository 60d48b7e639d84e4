"""A trained network outside of its study: to classify pictures, or to give to other programs."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagenet_transfer.data.codecs import UnreadableImage, encoder
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, sha256_of
from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.training.caffe_export import write_for_caffe
from imagenet_transfer.training.imported import RECORD, check_recorded, given_model

WEIGHTS = "weights.pt"


class ClassName(NamedTuple):
    """A class: its wnid, or its folder's name, and what WordNet calls it."""

    id: str
    name: str


@dataclass(frozen=True)
class TrainedNetwork:
    """A network ready to evaluate: `model(preprocess(picture))` are the scores of `classes`.

    `classes` are in the order of the scores; none if the network's record does not name them, as
    that of a network that was given without one. `record` is its metrics.json.
    """

    model: Backbone
    classes: tuple[ClassName, ...]
    record: Mapping[str, Any]

    def preprocess(self, picture: Path | str | Image.Image) -> Tensor:
        """Return a picture as a batch of one: uint8 RGB 1,side,side,3, on the model's device.

        As in training, it is warped to a square, whose centre is taken; the model itself subtracts
        the mean. Raises UserError for a file that is not a picture.
        """
        pixels = torch.from_numpy(_warped(picture, self.model.network.image_size))
        return pixels[None, self.window, self.window].to(self.model.pixel_mean.device)

    @property
    def window(self) -> slice:
        """Return the rows, and the columns, that the centre crop of a warped picture has."""
        network = self.model.network
        margin = (network.image_size - network.input_size) // 2
        return slice(margin, margin + network.input_size)


def load(folder: Path | str, device: str = "cpu") -> TrainedNetwork:
    """Return the network of a pre-training run, which left weights.pt and metrics.json in `folder`.

    Raises UserError if they are not there or do not belong together.
    """
    weights = Path(folder) / WEIGHTS
    if not weights.is_file():
        raise UserError(
            f"There is no {weights}: name the folder of a network that was pre-trained or imported."
        )
    record = read_facts(weights.with_name(RECORD), "settings", "n_classes")
    if record.get("weights", sha256_of(weights)) != sha256_of(weights):
        raise UserError(
            f"{weights} is not the file that the {RECORD} next to it describes: copy both from one "
            "run."
        )
    check_recorded(weights.with_name(RECORD), record)
    model, _ = given_model(weights, record["settings"]["architecture"])
    classes = tuple(ClassName(**entry) for entry in record.get("classes", []))
    model = model.eval().to(device, memory_format=torch.channels_last)
    return TrainedNetwork(model.requires_grad_(False), classes, record)


def export_caffe(folder: Path | str, path: Path | str) -> None:
    """Write the AlexNet of a run's folder as Caffe's `path` (.caffemodel) and .prototxt next to it.

    Raises UserError for a network of another model.
    """
    write_for_caffe(load(folder).model, Path(path))


def _warped(picture: Path | str | Image.Image, size: int) -> np.ndarray:
    """Return a picture's pixels as a store of raw pixels holds them: uint8 size,size,3."""
    try:
        record, height, width = encoder({"codec": "raw", "size": size})(_file_of(picture))
    except (UnreadableImage, OSError) as error:
        raise UserError(f"{picture} is not a picture that can be read ({error}).") from error
    return np.frombuffer(record, np.uint8).reshape(height, width, 3).copy()


def _file_of(picture: Path | str | Image.Image) -> bytes:
    if not isinstance(picture, Image.Image):
        return Path(picture).read_bytes()
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
