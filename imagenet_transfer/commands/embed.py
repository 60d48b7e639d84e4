"""Write the features of all pictures in a folder, as a network of yours computes them.

embed holiday/ --weights results/pretrain/alexnet/imagenet/rep1/weights.pt
embed holiday/ --weights results/pretrain/alexnet/imagenet/rep1 --layer fc6 --out holiday.npy

Two files are written: features.npy, a float32 matrix with a row per picture, and features.csv,
whose columns are row (from 0) and image (the picture's path in the folder). Rows are in the order of
the paths. Pictures in folders below count too; they may be JPEG, PNG, GIF, BMP, TIFF or WebP.

As in the study, a picture is warped to a square whose centre is shown to the network. The study's
own features (embeddings/) are the same, divided by their lengths and stored as float16.
"""

import argparse
from pathlib import Path

import imagenet_transfer
from imagenet_transfer.errors import UserError

ABOUT = "the features of your pictures by a trained network, as .npy and .csv"
WEIGHTS = "weights.pt"  # as a run leaves them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder of pictures, the network, and what to write."""
    parser.add_argument("folder", help="the folder of the pictures")
    parser.add_argument(
        "--weights",
        required=True,
        help="weights.pt that a pre-training run left with its metrics.json, or their folder",
    )
    parser.add_argument("--layer", help="whose output (that before the class scores, such as fc7)")
    parser.add_argument("--out", default="features.npy", help="what to write (%(default)s)")
    parser.add_argument("--device", help="such as cpu or cuda:1 (a GPU if PyTorch sees one)")
    parser.add_argument(
        "--batch", type=int, default=256, help="pictures at once: fewer take less memory (256)"
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out files that cannot be read, instead of stopping at them",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the features and say where."""
    out = Path(arguments.out)
    if out.suffix != ".npy":
        raise UserError(f"--out {out} should end in .npy: rename it.")
    if arguments.batch < 1:
        raise UserError(f"--batch is {arguments.batch}: take 1 or more.")
    # They load torch, which other commands can do without.
    import torch

    from imagenet_transfer.features.pictures import embed_pictures

    network = imagenet_transfer.load(_folder_of(arguments.weights), _device(arguments.device))
    layer = arguments.layer or network.model.network.feature_layer
    more = {"skip_unreadable": arguments.skip_unreadable, "batch": arguments.batch}
    try:
        rows, columns = embed_pictures(arguments.folder, network, layer, out, **more)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"{arguments.batch} pictures at once do not fit into the GPU's memory: take fewer with "
            "--batch, or another --device."
        ) from error
    print(f"{out}: {layer} of {rows:,} pictures, {columns:,} features each.")
    print(f"{out.with_suffix('.csv')}: their paths in {arguments.folder}.")


def _folder_of(weights: str) -> Path:
    """Return the folder of a run, which --weights names, or a file in it."""
    path = Path(weights)
    if path.is_file() and path.name != WEIGHTS:
        raise UserError(
            f"--weights {path} is not the {WEIGHTS} of a run: import it first, as a subset with "
            "`weights` (docs/extending.md), and name the folder in results/pretrain/."
        )
    return path.parent if path.name == WEIGHTS else path


def _device(name: str | None) -> str:
    """Return the device of this name, or a GPU if there is one; UserError if it cannot be used."""
    import torch

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # PyTorch's, of each kind
        reason = " ".join(str(error).split())[:150]
        raise UserError(f"--device {name} cannot be used ({reason}): take cpu or cuda.") from error
    return name
