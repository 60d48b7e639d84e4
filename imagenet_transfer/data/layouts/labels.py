"""From the labels that containers hold, numbers or names, to names of classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.data.layouts.listing import check_unique, first_names, read_lines
from imagenet_transfer.data.layouts.own import say
from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import class_lists, read_wnids

NO_LABEL = -1  # of test images whose labels are kept secret
HOW_TO_NAME = (
    "name them with the key `class_names`: a list of the workflow such as ilsvrc2012 (its wnids "
    "in ascending order), or a text file in `root` with one name per line, that of label 0 first"
)

Labels = Sequence[int | str]


def class_names_of(root: Path, entry: Mapping[str, Any], numbers: bool) -> tuple[str, ...]:
    """Return the classes that the key `class_names` names, in label order; none without the key.

    Raises UserError if the file cannot be read, or if labels are not `numbers`, which need names.
    """
    if "class_names" not in entry:
        return ()
    if not numbers:
        raise UserError(
            f"{root} has labels that are text, which are the names of its classes, but the config "
            "declares `class_names`: remove that key."
        )
    name = entry["class_names"]
    if name in class_lists():
        return read_wnids(class_lists()[name])
    path = root / name
    if not path.is_file():
        lists = ", ".join(class_lists())
        raise UserError(
            f"{path} is missing, which the config names as `class_names`: correct the path, which "
            f"starts in `root`, or take a list of the workflow ({lists})."
        )
    names = read_lines(path)
    check_unique(names, path, "classes")
    return tuple(names)


def without_secret(root: Path, labels: Mapping[str, Sequence[Labels]]) -> list[str]:
    """Return the splits whose labels are known, and say which are left out.

    `labels`: those of each of a split's files. A split is left out if all of its labels are -1.
    """
    secret = [
        split
        for split, files in labels.items()
        if any(map(len, files)) and all(label == NO_LABEL for file in files for label in file)
    ]
    for split in secret:
        say(f"{root}: the split {split} is left out, as all of its labels are {NO_LABEL}.")
    return [split for split in labels if split not in secret]


def named(
    labels: Mapping[str, Labels], names: Sequence[str], root: Path, doubt: str = ""
) -> dict[str, list[str]]:
    """Return the names of the labels of each file.

    Numbers are places in `names`; text is a name itself. Raises UserError if numbers have no names
    (`doubt` may say why) or lie beyond them, or if some labels are numbers and others text.
    """
    numbers = [file for file, found in labels.items() if _are_numbers(root / file, found)]
    if numbers and len(numbers) < sum(map(bool, labels.values())):
        texts = sorted(set(labels) - set(numbers))
        raise UserError(
            f"{root} has labels that are numbers ({numbers[0]}) and others that are text "
            f"({texts[0]}): use one kind."
        )
    if numbers and not names:
        raise UserError(
            f"{root / numbers[0]} has labels that are numbers, but no names of classes{doubt}: "
            f"{HOW_TO_NAME}."
        )
    if not numbers:
        return {file: [str(label) for label in found] for file, found in labels.items()}
    for file in numbers:
        _check_range(root / file, labels[file], len(names))
    return {file: [names[label] for label in found] for file, found in labels.items()}


def _are_numbers(path: Path, labels: Labels) -> bool:
    kinds = {type(label) for label in labels}
    if len(kinds) > 1:
        raise UserError(
            f"{path} has labels that are numbers and others that are text: use one kind."
        )
    return kinds == {int}


def _check_range(path: Path, labels: Sequence[int], number: int) -> None:
    wrong = sorted({label for label in labels if not 0 <= label < number})
    if wrong:
        raise UserError(
            f"{path} has labels beyond the {number:,} classes, which are labelled 0 to "
            f"{number - 1:,} (first: {first_names(map(str, wrong))}): correct the labels, or "
            f"{HOW_TO_NAME}."
        )
