"""The WordNet 3.0 noun hierarchy above a list of classes: parents, depths, ancestors."""

import contextlib
import functools
import graphlib
import io
import itertools
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_small_text, write_csv
from imagenet_transfer.resources import RESOURCES

DEBIAN_WORDNET = Path("/usr/share/wordnet")
WORDNET_VERSION = "3.0"
MAX_CLASS_LIST = 2**22  # bytes; all of WordNet's nouns take 0.8 million
HOW_TO_GET_WORDNET = (
    "Install it with `apt-get install wordnet-base` or `python -m nltk.downloader wordnet`, "
    "or name the folder that contains its file data.noun."
)


@dataclass(frozen=True)
class Taxonomy:
    """Synsets by wnid: their NLTK names ("dog.n.01"), and their hypernyms sorted by these names.

    The hypernyms are WordNet's `@` pointers only, never instance hypernyms. The first one is the
    parent: old NLTK releases sorted `hypernyms()`, so the authors' `hypernyms()[0]` was the
    hypernym whose name sorts first.
    """

    names: Mapping[str, str]
    hypernyms: Mapping[str, tuple[str, ...]]

    def parent(self, wnid: str) -> str | None:
        """Return the hypernym whose NLTK name sorts first, or None for a root."""
        hypernyms = self.hypernyms[wnid]
        return hypernyms[0] if hypernyms else None

    def chain(self, wnid: str) -> tuple[str, ...]:
        """Return the wnids from the root down to `wnid` along the parents, including both."""
        chain = [wnid]
        while parent := self.parent(chain[-1]):
            chain.append(parent)
        return tuple(reversed(chain))

    def depth(self, wnid: str) -> int:
        """Return the number of steps to the root along the parents; the root `entity` has 0."""
        return len(self.chain(wnid)) - 1

    def ancestor_at(self, wnid: str, depth: int) -> str:
        """Return the member of the chain at `depth`, or `wnid` itself if it is less deep."""
        chain = self.chain(wnid)
        return chain[min(depth, len(chain) - 1)]

    def ancestors(self, wnid: str) -> frozenset[str]:
        """Return `wnid` and everything above it on any of its hypernym paths."""
        return frozenset(_reachable([wnid], self.hypernyms.__getitem__))

    def children(self, wnid: str) -> tuple[str, ...]:
        """Return, in ascending order, the wnids whose parent is `wnid`."""
        return self._children.get(wnid, ())

    @functools.cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        children: dict[str, tuple[str, ...]] = {}
        for wnid in sorted(self.hypernyms):
            if parent := self.parent(wnid):
                children[parent] = (*children.get(parent, ()), wnid)
        return children


def _reachable(wnids: Iterable[str], hypernyms_of: Any) -> set[str]:
    """Return the wnids and everything that `hypernyms_of` leads to from them."""
    reached: set[str] = set()
    waiting = list(wnids)
    while waiting:
        wnid = waiting.pop()
        if wnid not in reached:
            reached.add(wnid)
            waiting.extend(hypernyms_of(wnid))
    return reached


def readable(name: str) -> str:
    """Return an NLTK name as it is read: "toy terrier" for "toy_terrier.n.01".

    Of other names only underscores change.
    """
    return re.sub(r"\.[a-z]\.\d+$", "", name).replace("_", " ")


def read_taxonomy(path: Path | str) -> Taxonomy:
    """Return the taxonomy in a CSV with the columns wnid, name, hypernyms (space-separated wnids).

    Raises UserError if the file cannot be read, a hypernym has no row, or the hypernyms form a
    circle.
    """
    frame = _read_columns(path, ("wnid", "name", "hypernyms"))
    hypernyms = {
        wnid: tuple(above.split())
        for wnid, above in zip(frame["wnid"], frame["hypernyms"], strict=True)
    }
    missing = sorted({above for row in hypernyms.values() for above in row} - hypernyms.keys())
    if missing:
        raise UserError(
            f"{path}: the hypernym {missing[0]} has no row of its own. Rebuild or restore the file."
        )
    try:
        graphlib.TopologicalSorter(hypernyms).prepare()
    except graphlib.CycleError as error:
        circle = " -> ".join(error.args[1])
        raise UserError(
            f"{path}: the hypernyms form a circle ({circle}). Rebuild or restore the file."
        ) from None
    return Taxonomy(dict(zip(frame["wnid"], frame["name"], strict=True)), hypernyms)


def write_taxonomy(taxonomy: Taxonomy, path: Path | str) -> None:
    """Write a file for `read_taxonomy`, by ascending wnid: equal taxonomies give equal bytes."""
    wnids = sorted(taxonomy.names)
    columns = {
        "wnid": wnids,
        "name": [taxonomy.names[wnid] for wnid in wnids],
        "hypernyms": [" ".join(taxonomy.hypernyms[wnid]) for wnid in wnids],
    }
    write_csv(path, pd.DataFrame(columns))


def read_wnids(path: Path | str) -> tuple[str, ...]:
    """Return the wnids of a class list, ascending.

    Each line starts with one, after which a name may follow; what follows a # is a comment. Raises
    UserError at anything else, and at repeats.
    """
    needs = "It needs one wnid per line, such as n02084071."
    try:
        text = read_small_text(path, MAX_CLASS_LIST)
    except UnicodeDecodeError:
        raise UserError(
            f"{path}: the class list cannot be read, as it is not text. {needs}"
        ) from None
    except OSError as error:
        reason = error.strerror
        raise UserError(f"{path}: the class list cannot be read ({reason}). {needs}") from None
    wnids = [wnid for line in text.splitlines() for wnid in _wnids_of(line)]
    for wnid in wnids:
        _offset(wnid, f"{path}: ")
    if not wnids:
        raise UserError(f"{path}: the class list is empty. {needs}")
    ordered = sorted(wnids)
    for wnid, following in itertools.pairwise(ordered):
        if wnid == following:
            raise UserError(f"{path}: the class list has {wnid} twice; remove one.")
    return tuple(ordered)


def _wnids_of(line: str) -> list[str]:
    """Return the words of a line that are or should be wnids: the first, and others like them."""
    words = line.partition("#")[0].split()
    return words[:1] + [word for word in words[1:] if re.match(r"n\d", word)]


def read_pascal_roots(path: Path | str = RESOURCES / "pascal_roots.csv") -> dict[str, str]:
    """Return the wnid for each of PASCAL VOC's 20 object names (Section 5.2 of the paper)."""
    frame = _read_columns(path, ("object", "wnid"))
    for wnid in frame["wnid"]:
        _offset(wnid, f"{path}: ")
    return dict(zip(frame["object"], frame["wnid"], strict=True))


def taxonomy_for(wnids: Iterable[str], resources: Path | str = RESOURCES) -> Taxonomy:
    """Return a taxonomy of the wnids: the shipped table if it has all of them, else from WordNet.

    Raises UserError as `from_wordnet` does.
    """
    wnids = set(wnids)
    table = Path(resources) / "taxonomy.csv"
    shipped = read_taxonomy(table)
    beyond = sorted(wnids - shipped.names.keys())
    if not beyond:
        return shipped
    try:
        return from_wordnet(wnids)
    except UserError as error:
        raise UserError(
            f"{table} lacks {len(beyond)} of the classes ({beyond[0]}, ...). {error}"
        ) from None


def from_wordnet(wnids: Iterable[str], folder: Path | str | None = None) -> Taxonomy:
    """Return the taxonomy of the wnids and everything above them, read with NLTK from WordNet 3.0.

    `folder` contains data.noun and its companions; the default is NLTK's corpus or, without one,
    Debian's /usr/share/wordnet. Raises UserError if WordNet is missing or not 3.0, or if it has no
    noun synset for one of the wnids.
    """
    with _wordnet_reader(folder) as reader:
        synset_of = functools.cache(functools.partial(_synset, reader))
        hypernyms_of = functools.cache(
            lambda wnid: tuple(_wnid(above) for above in _sorted_hypernyms(synset_of(wnid)))
        )
        closure = sorted(_reachable(wnids, hypernyms_of))
        names = {wnid: synset_of(wnid).name() for wnid in closure}
        return Taxonomy(names, {wnid: hypernyms_of(wnid) for wnid in closure})


def _sorted_hypernyms(synset: Any) -> list[Any]:
    """Return the synset's hypernyms by name; NLTK's own order varies between processes."""
    return sorted(synset.hypernyms(), key=lambda hypernym: hypernym.name())


def _wnid(synset: Any) -> str:
    return f"n{synset.offset():08d}"


def _synset(reader: Any, wnid: str) -> Any:
    """Return NLTK's synset of a wnid, which is the letter n and its byte offset in data.noun."""
    offset = _offset(wnid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an unknown offset, which the error below reports
        synset = reader.synset_from_pos_and_offset("n", offset)
    if synset is None:
        raise UserError(
            f"WordNet {WORDNET_VERSION} has no noun synset {wnid}. "
            "Correct or remove it in the class list."
        )
    return synset


def _offset(wnid: str, where: str = "") -> int:
    if not re.fullmatch(r"n[0-9]{8}", wnid):
        raise UserError(
            f"{where}{wnid[:40]!r} is not a wnid: write the letter n and 8 digits, such as "
            "n02084071."
        )
    return int(wnid[1:])


@contextlib.contextmanager
def _wordnet_reader(folder: Path | str | None) -> Iterator[Any]:
    """Yield an NLTK reader of WordNet 3.0."""
    import nltk.data

    root = _wordnet_root(folder)
    nltk.data.path.append(str(root))  # NLTK reads only below its data path
    try:
        yield _open_wordnet(root)
    finally:
        nltk.data.path.remove(str(root))


def _wordnet_root(folder: Path | str | None) -> Any:
    """Return the folder of data.noun: an absolute path, or NLTK's pointer to its own corpus."""
    if folder is None and (corpus := _nltk_corpus()):
        return corpus
    root = Path(folder or DEBIAN_WORDNET).resolve()
    if not (root / "data.noun").is_file():
        raise UserError(f"WordNet {WORDNET_VERSION} was not found in {root}. {HOW_TO_GET_WORDNET}")
    return str(root)


def _nltk_corpus() -> Any:
    import nltk.data

    for name in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):
        with contextlib.suppress(LookupError):
            return nltk.data.find(name)
    return None


def _open_wordnet(root: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "The multilingual functions are not available"
            reader = _reader_class()(root, None)
        version = reader.get_version()
    except (OSError, ValueError) as error:
        raise UserError(
            f"WordNet in {root} cannot be read ({error}). {HOW_TO_GET_WORDNET}"
        ) from None
    if version != WORDNET_VERSION:
        raise UserError(
            f"{root} has WordNet {version or 'of an unknown version'}, but wnids are offsets in "
            f"{WORDNET_VERSION}. {HOW_TO_GET_WORDNET}"
        )
    return reader


def _reader_class() -> type:
    """Return NLTK's reader, changed so that the files of Debian's package suffice."""
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):
        def open(self, file: str) -> Any:
            """Return a file; made up for `lexnames`, 45 names that Debian's package lacks."""
            if file == "lexnames":
                lines = [f"{index:02d}\tlexicographer-file\t0\n" for index in range(45)]
                return io.StringIO("".join(lines))
            return super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:
            """Skip the map between WordNet versions, which needs index.sense and NLTK's corpus."""

    return Reader


def _read_columns(path: Path | str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a CSV's text columns; raise UserError if it cannot be read or has other columns."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}). Restore it from the repository."
        ) from None
    if tuple(frame.columns) != columns:
        found = ", ".join(frame.columns)[:100]
        raise UserError(
            f"{path} has the columns {found} instead of {', '.join(columns)}. "
            "Restore it from the repository."
        )
    if frame[columns[0]].duplicated().any():
        twice = frame[columns[0]][frame[columns[0]].duplicated()].iloc[0]
        raise UserError(f"{path} has two rows for {twice}. Restore it from the repository.")
    return frame


def class_lists() -> dict[str, Path]:
    """Return the class lists of the workflow, resources/classes, by name."""
    return {path.stem: path for path in sorted((RESOURCES / "classes").glob("*.txt"))}


def read_classes(name: str) -> tuple[str, ...]:
    """Return the wnids of a config's `classes`, ascending: the workflow's list or a file's path."""
    shipped = class_lists()
    if name not in shipped and not os.path.lexists(name):
        lists = ", ".join(shipped)
        asked = name if len(name) < 200 else f"{name[:100]}..."
        raise UserError(
            f"config: classes is {asked!r}, which is neither a list of the workflow ({lists}) nor "
            "a file."
        )
    return read_wnids(shipped.get(name, Path(name)))
