"""Write the learning curves of finished runs for TensorBoard: loss, rate and metrics by iteration.

tensorboard results/ curves/             all runs of a study
tensorboard results/pretrain/ curves/    its networks; then: tensorboard --logdir curves/
"""

import argparse

from imagenet_transfer.reporting.event_files import export_events

ABOUT = "learning curves as TensorBoard's event files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder of results and the folder to write."""
    parser.add_argument("results", help="a study's results, or a folder below them")
    parser.add_argument("folder", help="what to write, empty or new")


def run(arguments: argparse.Namespace) -> None:
    """Write the event files and say how many."""
    number = export_events(arguments.results, arguments.folder)
    print(f"{number} learning curves: tensorboard --logdir {arguments.folder}")
