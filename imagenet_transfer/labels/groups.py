"""Groups of fine classes that become classes, however they were found: their numbers and names."""

import itertools
from collections.abc import Iterable, Sequence
from functools import partial

from imagenet_transfer.labels.taxonomy import Taxonomy, readable
from imagenet_transfer.seeds import seed_of

Groups = Sequence[Sequence[str]]


def classes_of(groups: Groups) -> dict[str, str]:
    """Return the class of each fine class: the first member of its group by name.

    Equal groups are so called the same in every replicate.
    """
    return {fine: min(group) for group in groups for fine in group}


def names_of(groups: Groups, taxonomy: Taxonomy | None = None) -> dict[str, str]:
    """Return the name of each class of `classes_of`.

    It is the NLTK name of the members' lowest common ancestor in the taxonomy if the group is all
    that the groups have below it. Other names count the members beyond the first: "tiger + 4 more".
    """
    below: dict[str, set[str]] = {}  # the fine classes below each synset
    if taxonomy:
        for fine in itertools.chain.from_iterable(groups):
            for above in taxonomy.chain(fine):
                below.setdefault(above, set()).add(fine)
    return {min(group): _name(sorted(group), taxonomy, below) for group in groups}


def _name(group: Sequence[str], taxonomy: Taxonomy | None, below: dict[str, set[str]]) -> str:
    name = taxonomy.names[group[0]] if taxonomy else group[0]
    if len(group) == 1:
        return name
    common = _common_ancestor(group, taxonomy) if taxonomy else None
    if taxonomy and common and below[common] == set(group):
        return taxonomy.names[common]
    return f"{readable(name) if taxonomy else name} + {len(group) - 1} more"


def _common_ancestor(group: Iterable[str], taxonomy: Taxonomy) -> str | None:
    """Return the lowest synset on the chains of all members; None if they share none."""
    levels = zip(*map(taxonomy.chain, group), strict=False)
    shared = list(itertools.takewhile(lambda level: len(set(level)) == 1, levels))
    return shared[-1][0] if shared else None


def even_groups(fine: Sequence[str], number: int, seed: int) -> Groups:
    """Return `number` random groups of the fine classes whose sizes differ by one at most."""
    shuffled = _shuffled(fine, seed)
    return [shuffled[start::number] for start in range(number)]


def groups_of_sizes(fine: Sequence[str], sizes: Sequence[int], seed: int) -> Groups:
    """Return random groups of the fine classes of the given sizes, which add up to their number."""
    shuffled = iter(_shuffled(fine, seed))
    return [list(itertools.islice(shuffled, size)) for size in sizes]


def _shuffled(fine: Sequence[str], seed: int) -> list[str]:
    """Return the classes by hash of seed and name."""
    return sorted(fine, key=partial(seed_of, seed, "random-merge"))
