"""The WordNet hierarchy: facts of the 1000 classes, rebuilding the table, what is refused."""

import contextlib
import random
import runpy
import sys

import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels import taxonomy as module
from imagenet_transfer.labels.taxonomy import (
    RESOURCES,
    Taxonomy,
    from_wordnet,
    read_pascal_roots,
    read_taxonomy,
    read_wnids,
    taxonomy_for,
    write_taxonomy,
)

TABLE = RESOURCES / "taxonomy.csv"
ILSVRC = read_wnids(RESOURCES / "classes" / "ilsvrc2012.txt")
DOG = "n02084071"
DOMESTIC_ANIMAL = "n01317541"
CANINE = "n02083346"
ENTITY = "n00001740"
BEYOND_TABLE = (DOG, "n02084732", "n02113892")  # dog, pooch, large poodle


@pytest.fixture(scope="module")
def shipped() -> Taxonomy:
    return read_taxonomy(TABLE)


@pytest.fixture(scope="module")
def wordnet():
    """One reader of the installed WordNet for the whole module: opening it takes seconds."""
    try:
        with module._wordnet_reader(None) as reader:
            yield reader
    except UserError as error:
        pytest.skip(f"WordNet is not installed: {error}")


@pytest.fixture
def shared_reader(wordnet, monkeypatch):
    monkeypatch.setattr(module, "_wordnet_reader", lambda folder: contextlib.nullcontext(wordnet))


def test_parent_is_the_hypernym_whose_name_sorts_first(shipped):
    assert shipped.hypernyms[DOG] == (CANINE, DOMESTIC_ANIMAL)  # canine.n.02 < domestic_animal.n.01
    assert shipped.parent(DOG) == CANINE
    assert shipped.parent(ENTITY) is None


def test_hypernyms_are_sorted_by_name(shipped):
    several = [hypernyms for hypernyms in shipped.hypernyms.values() if len(hypernyms) > 1]
    assert len(several) == 75
    for hypernyms in several:
        names = [shipped.names[wnid] for wnid in hypernyms]
        assert names == sorted(names)


def test_facts_of_the_1000_classes(shipped):
    assert len(ILSVRC) == 1000
    assert sum(len(shipped.hypernyms[wnid]) > 1 for wnid in ILSVRC) == 38
    depths = [shipped.depth(wnid) for wnid in ILSVRC]
    assert (min(depths), max(depths)) == (4, 18)


def test_table_is_the_closure_of_the_classes_and_pascal_roots(shipped):
    roots = read_pascal_roots()
    assert len(roots) == 20
    assert shipped.names[roots["dog"]] == "dog.n.01"
    above = set().union(*(shipped.ancestors(wnid) for wnid in [*ILSVRC, *roots.values()]))
    assert above == set(shipped.names)
    assert [wnid for wnid in shipped.names if not shipped.hypernyms[wnid]] == [ENTITY]
    assert len(set(shipped.names.values())) == len(shipped.names)


def test_chain_depth_and_ancestors(shipped):
    chain = shipped.chain(DOG)
    assert (chain[0], chain[-2:]) == (ENTITY, (CANINE, DOG))
    assert shipped.depth(ENTITY) == 0
    assert shipped.ancestor_at(DOG, 0) == ENTITY
    assert shipped.ancestor_at(DOG, 99) == DOG
    assert DOMESTIC_ANIMAL not in chain
    assert {DOG, DOMESTIC_ANIMAL, *chain} <= shipped.ancestors(DOG)


def test_children_follow_the_parent_chain(shipped):
    assert DOG in shipped.children(CANINE)
    assert DOG not in shipped.children(DOMESTIC_ANIMAL)
    assert sum(len(shipped.children(wnid)) for wnid in shipped.names) == len(shipped.names) - 1
    assert list(shipped.children(ENTITY)) == sorted(shipped.children(ENTITY))


def test_written_table_reads_back_to_the_same_bytes(shipped, tmp_path):
    write_taxonomy(shipped, tmp_path / "taxonomy.csv")
    assert (tmp_path / "taxonomy.csv").read_bytes() == TABLE.read_bytes()


@pytest.mark.usefixtures("shared_reader")
def test_rebuilt_table_has_the_same_bytes(monkeypatch, tmp_path):
    output = tmp_path / "taxonomy.csv"
    monkeypatch.setattr(sys, "argv", ["build_taxonomy.py", "--output", str(output)])
    runpy.run_path(str(RESOURCES / "build_taxonomy.py"), run_name="__main__")
    assert output.read_bytes() == TABLE.read_bytes()


@pytest.mark.usefixtures("shared_reader")
def test_the_order_of_nltks_hypernyms_does_not_matter(shipped, monkeypatch):
    from nltk.corpus.reader.wordnet import Synset

    original = Synset.hypernyms
    draw = random.Random(0)
    monkeypatch.setattr(
        Synset, "hypernyms", lambda self: draw.sample(above := original(self), len(above))
    )
    assert from_wordnet([*ILSVRC, *read_pascal_roots().values()]) == shipped


@pytest.mark.usefixtures("shared_reader")
def test_classes_beyond_the_table_come_from_wordnet(shipped):
    made = taxonomy_for(BEYOND_TABLE)
    assert made.names["n02084732"] == "pooch.n.01"
    assert made.chain(DOG) == shipped.chain(DOG)
    assert set(made.names) == set().union(*map(made.ancestors, BEYOND_TABLE))


def test_classes_of_the_table_need_no_wordnet(monkeypatch):
    monkeypatch.setattr(module, "from_wordnet", None)
    assert DOG in taxonomy_for(ILSVRC).names


@pytest.mark.usefixtures("shared_reader")
@pytest.mark.parametrize("wnid", ["n02084072", "n99999999", "n00000001"])
def test_unknown_wnid_is_named(wnid):
    with pytest.raises(UserError, match=wnid):
        from_wordnet([DOG, wnid])


@pytest.mark.usefixtures("shared_reader")
def test_what_is_not_a_wnid_is_named():
    with pytest.raises(UserError, match="'dog' is not a wnid"):
        from_wordnet(["dog"])


def test_missing_wordnet_says_how_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"apt-get install wordnet-base.*nltk\.downloader wordnet"):
        from_wordnet([DOG], tmp_path)


def test_class_beyond_the_table_without_wordnet_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_nltk_corpus", lambda: None)
    monkeypatch.setattr(module, "DEBIAN_WORDNET", tmp_path)
    with pytest.raises(UserError, match=r"lacks 1 of the classes \(n02084732, .*apt-get install"):
        taxonomy_for([DOG, "n02084732"])


def test_other_version_of_wordnet_is_refused(monkeypatch, tmp_path):
    class Wordnet31:
        def __init__(self, root, omw_reader):
            pass

        def get_version(self):
            return "3.1"

    monkeypatch.setattr(module, "_reader_class", lambda: Wordnet31)
    (tmp_path / "data.noun").touch()
    with pytest.raises(UserError, match=r"WordNet 3\.1, but wnids are offsets in 3\.0"):
        from_wordnet([DOG], tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("wnid,name\nn1,a\n", "has the columns wnid, name instead of"),
        ("wnid,name,hypernyms\nn1,a,n2\n", "n2 has no row of its own"),
        ("wnid,name,hypernyms\nn1,a,n2\nn2,b,n1\n", "form a circle"),
        ("", "cannot be read"),
    ],
)
def test_spoilt_table_is_refused(tmp_path, text, complaint):
    (tmp_path / "taxonomy.csv").write_text(text)
    with pytest.raises(UserError, match=complaint):
        read_taxonomy(tmp_path / "taxonomy.csv")


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "empty"), ("n02084071\ndog\n", "'dog' is not a wnid")]
)
def test_spoilt_class_list_is_refused(tmp_path, text, complaint):
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(UserError, match=complaint):
        read_wnids(tmp_path / "classes.txt")


def test_missing_class_list_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_wnids(tmp_path / "none.txt")
