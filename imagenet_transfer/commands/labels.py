"""Print a label set as CSV: wnid,label,class_wnid,class_name, one row per fine class.

labels bottom-up --depth 9                  the paper's 486 classes
labels top-down --round 1                   its 127 classes
labels exclusion --roots pascal             the 771 classes without PASCAL's
labels minimal-split --depth 4 --half a     its 522 classes below artifact
labels random-split --size 500 --half b     500 classes that half a leaves
labels bottom-up --depth 6 --classes my-wnids.txt

The columns:
  wnid, a fine class, ascending; classes that the method leaves out have no row
  label, the number of its class, from 0, in the order of class_wnid
  class_wnid, the synset that this class is
  class_name, what WordNet calls it, such as dog.n.01
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.label_sets import METHODS_OF_WORDNET, build_label_set
from imagenet_transfer.labels.methods import METHODS
from imagenet_transfer.labels.taxonomy import read_classes, read_pascal_roots, taxonomy_for

ABOUT = "a label set of the paper, or one of your own wnids, as CSV"
KEYS = ("depth", "round", "size", "half", "roots")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the method of a label set and its keys, which are those of a config."""
    parser.add_argument("method", choices=METHODS_OF_WORDNET)
    parser.add_argument(
        "--depth", type=int, help="needed by bottom-up, minimal-split: depth in WordNet"
    )
    parser.add_argument("--round", type=int, help="needed by top-down: rounds of merging")
    parser.add_argument("--size", type=int, help="needed by random-split: classes in half a")
    parser.add_argument("--half", choices=("a", "b"), help="needed by both splits: which half")
    parser.add_argument(
        "--roots", nargs="+", metavar="WNID", help="needed by exclusion: pascal, or wnids"
    )
    parser.add_argument("--seed", type=int, default=0, help="random-split: the draw (%(default)s)")
    parser.add_argument(
        "--classes",
        default="ilsvrc2012",
        help="ilsvrc2012, tiny-imagenet, miniature, or a file with one wnid per line (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the label set."""
    spec = {key: value for key in KEYS if (value := getattr(arguments, key)) is not None}
    if spec.get("roots") == ["pascal"]:
        spec["roots"] = "pascal"
    _check_keys(arguments.method, spec)
    wnids = read_classes(arguments.classes)
    frame = build_label_set(
        {"method": arguments.method, **spec},
        wnids,
        taxonomy_for(wnids),
        read_pascal_roots(),
        arguments.seed,
        arguments.method,
    )
    frame.to_csv(sys.stdout, index=False, lineterminator="\n")


def _check_keys(method: str, spec: Mapping[str, Any]) -> None:
    """Raise UserError for keys that the method lacks or does not read."""
    lacking = [f"--{key}" for key in METHODS[method].needs if key not in spec]
    if lacking:
        raise UserError(f"Method {method} needs {' and '.join(lacking)}.")
    unread = [f"--{key}" for key in spec if key not in METHODS[method].needs]
    if unread:
        takes = " and ".join(f"--{key}" for key in METHODS[method].needs) or "no key"
        raise UserError(f"Method {method} takes {takes}: leave out {', '.join(unread)}.")
