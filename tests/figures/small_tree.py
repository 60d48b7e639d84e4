"""A hierarchy of nine synsets: entity - animal - (dog - (pug, beagle, husky), cat - tabby), cup."""

from imagenet_transfer.labels.label_sets import build_label_set
from imagenet_transfer.labels.taxonomy import Taxonomy

PARENTS = {
    "n00000001": "",
    "n00000002": "n00000001",
    "n00000003": "n00000002",
    "n00000004": "n00000002",
    "n00000005": "n00000003",
    "n00000006": "n00000003",
    "n00000007": "n00000003",
    "n00000008": "n00000004",
    "n00000009": "n00000001",
}
NAMES = ("entity", "animal", "dog", "cat", "pug", "beagle", "husky", "tabby_cat", "cup")
ROOT, ANIMAL, DOG, CAT, PUG, BEAGLE, HUSKY, TABBY, CUP = PARENTS
LEAVES = (PUG, BEAGLE, HUSKY, TABBY, CUP)  # in tree order
TAXONOMY = Taxonomy(
    {wnid: f"{name}.n.01" for wnid, name in zip(PARENTS, NAMES, strict=True)},
    {wnid: (above,) if above else () for wnid, above in PARENTS.items()},
)


def label_set(spec, wnids=LEAVES):
    return build_label_set(spec, wnids, TAXONOMY, {}, seed=0, name="set")
