"""Write an AlexNet that was trained or imported as Caffe's files: weights, and layers next to them.

caffe results/pretrain/alexnet/imagenet/rep1 mine.caffemodel     and mine.prototxt
"""

import argparse

import imagenet_transfer

ABOUT = "a trained AlexNet as Caffe's .caffemodel and .prototxt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder of a network and the file to write."""
    parser.add_argument("folder", help="where a pre-training run left weights.pt and metrics.json")
    parser.add_argument("file", help="what to write, ending in .caffemodel")


def run(arguments: argparse.Namespace) -> None:
    """Write the files."""
    imagenet_transfer.export_caffe(arguments.folder, arguments.file)
