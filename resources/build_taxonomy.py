"""Rebuild taxonomy.csv: the ILSVRC2012 classes, PASCAL VOC's root synsets and everything above them in WordNet 3.0.

    python resources/build_taxonomy.py [--wordnet /usr/share/wordnet] [--output resources/taxonomy.csv]

Needs WordNet 3.0 (`apt-get install wordnet-base` or `python -m nltk.downloader wordnet`) and NLTK. Every run gives the
same bytes.
"""

import argparse
import sys
from pathlib import Path

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import (
    from_wordnet,
    read_pascal_roots,
    read_wnids,
    write_taxonomy,
)

HERE = Path(__file__).parent


def build(wordnet: Path | None, output: Path) -> None:
    """Write the table to `output`, read from the folder `wordnet` or where NLTK or Debian keeps WordNet."""
    classes = read_wnids(HERE / "classes" / "ilsvrc2012.txt")
    roots = read_pascal_roots(HERE / "pascal_roots.csv").values()
    write_taxonomy(from_wordnet([*classes, *roots], wordnet), output)


def main() -> None:
    """Read the command line and build the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--wordnet", type=Path, metavar="DIR", help="folder that holds WordNet 3.0's data.noun"
    )
    parser.add_argument(
        "--output", type=Path, metavar="CSV", default=HERE / "taxonomy.csv", help="file to write"
    )
    arguments = parser.parse_args()
    try:
        build(arguments.wordnet, arguments.output)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
