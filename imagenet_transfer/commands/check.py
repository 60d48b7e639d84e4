"""Say what a folder holds, and print the entry of a config that uses it.

check data/flowers
check data/tiny-imagenet-200 > tiny.txt

The layout is guessed by the names of files and folders (docs/data.md describes the layouts). A table
has the images and classes of each split, images per class, and sizes. A sample of the images is
decoded: what cannot be read is named, and so is what is there twice, or both tested and trained on.
The last lines are the entry under `datasets` that uses the folder. Data sets of WordNet classes also
get the study's `classes`: a list of the workflow, or else the file that --wnids writes.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_text

if TYPE_CHECKING:  # the readers of all layouts, which other commands can do without
    from imagenet_transfer.data.inspection import Report
    from imagenet_transfer.data.proposed import Proposed

ABOUT = "what a folder of pictures holds, and its entry in a config"
NAMED = 10  # classes that are named
WNIDS = "wnids.txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder and what its entry is called."""
    parser.add_argument("folder", help="the folder that holds the data set")
    parser.add_argument("--name", help="what to call it in the config (after the folder)")
    parser.add_argument(
        "--wnids", metavar="FILE", help="write the wnids of ImageNet's classes there, one per line"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print what is there; raise UserError with what is wrong with it."""
    import yaml

    from imagenet_transfer.data.inspection import Report
    from imagenet_transfer.data.layouts.listing import first_names
    from imagenet_transfer.data.proposed import proposed, slug

    root = Path(arguments.folder)
    found = _named(proposed(root), slug(arguments.name or root.resolve().name))
    report = Report()
    entries = {name: _checked(report, name, one, root) for name, one in found.items()}
    for name, one in found.items():
        print(f"{name}: {root} looks like layout {one.entry['layout']}.")
        print(f"{name}: its classes are {first_names(one.listing.classes, NAMED)}.")
    print(f"\n{report.text()}", flush=True)
    if report.errors:
        raise UserError("\nError: ".join(report.errors))
    classes = _classes(found, arguments.wnids)
    content = {**classes, "datasets": entries}
    print("\nIn a config:\n")
    print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), end="")


def _named(found: Sequence["Proposed"], stem: str) -> dict[str, "Proposed"]:
    """Return the data sets by their names in the config."""
    if len(found) == 1:
        return {stem: found[0]}
    layouts = [one.entry["layout"] + str(one.entry.get("year", "")) for one in found]
    return {f"{stem[:40]}-{layout}": one for layout, one in zip(layouts, found, strict=True)}


def _checked(report: "Report", name: str, one: "Proposed", root: Path) -> dict[str, Any]:
    """Add a data set to the report; return its entry, which leaves out what cannot be read."""
    from imagenet_transfer.data.inspection import inspect, not_read

    unreadable = inspect(report, name, one.listing, root, os.cpu_count() or 1)
    if not unreadable:
        return dict(one.entry)
    report.warnings.append(f"{name}: {not_read(unreadable)}; the entry below leaves them out.")
    return {**one.entry, "store": {"max_unreadable": len(unreadable)}}


def _classes(found: Mapping[str, "Proposed"], wnids: str | None) -> dict[str, str]:
    """Return the study's key `classes` if one of the data sets needs it; write the file of wnids."""
    from imagenet_transfer.data.proposed import list_of_classes

    listings = [one.listing for one in found.values() if one.needs_classes]
    if not listings:
        return {}
    known = list_of_classes(listings[0])
    if wnids:
        write_text(wnids, "".join(f"{wnid}\n" for wnid in sorted(listings[0].classes)))
    elif not known:
        print(f"\nThe same command with --wnids {WNIDS} writes the file of its classes.")
    return {"classes": known or str(Path(wnids or WNIDS).resolve())}
