"""Groups of classes: what they are called, and how random ones are drawn."""

from collections import Counter

import pytest
from helpers import refusal
from hypothesis import given
from hypothesis import strategies as st

from imagenet_transfer.labels.groups import even_groups, groups_of_sizes, names_of
from imagenet_transfer.labels.label_sets import label_set_of, merged
from imagenet_transfer.labels.taxonomy import Taxonomy, readable

# thing -> animal -> (cat -> (n5 lion, n6 tiger), n2 dog); thing -> n1 big house
TREE = Taxonomy(
    {
        "n0": "thing.n.01",
        "n1": "big_house.n.01",
        "n2": "dog.n.01",
        "n3": "animal.n.01",
        "n4": "cat.n.01",
        "n5": "lion.n.01",
        "n6": "tiger.n.01",
    },
    {
        "n0": (),
        "n1": ("n0",),
        "n2": ("n3",),
        "n3": ("n0",),
        "n4": ("n3",),
        "n5": ("n4",),
        "n6": ("n4",),
    },
)


@pytest.mark.parametrize(
    "groups, names",
    [
        (
            [["n6", "n5"], ["n2"], ["n1"]],
            {"n5": "cat.n.01", "n2": "dog.n.01", "n1": "big_house.n.01"},
        ),
        (
            [["n6", "n2"], ["n5"], ["n1"]],
            {"n2": "dog + 1 more", "n5": "lion.n.01", "n1": "big_house.n.01"},
        ),
        ([["n6", "n5", "n2"], ["n1"]], {"n2": "animal.n.01", "n1": "big_house.n.01"}),
        ([["n6", "n5", "n1"], ["n2"]], {"n1": "big house + 2 more", "n2": "dog.n.01"}),
        ([["n6", "n5"], ["n1", "n2"]], {"n5": "cat.n.01", "n1": "big house + 1 more"}),
    ],
)
def test_a_group_is_named_after_its_ancestor_if_it_is_all_below_it(groups, names):
    assert names_of(groups, TREE) == names
    frame = merged(groups, TREE)
    assert dict(zip(frame["class_wnid"], frame["class_name"], strict=True)) == names
    assert frame["wnid"].is_monotonic_increasing
    ranks = {name: rank for rank, name in enumerate(sorted(names))}
    assert frame["label"].tolist() == [ranks[name] for name in frame["class_wnid"]]


def test_groups_of_a_data_sets_own_classes_keep_their_names():
    frame = merged([["b_c", "a"], ["d.e.f"]])
    assert frame["class_wnid"].tolist() == ["a", "a", "d.e.f"]
    assert frame["class_name"].tolist() == ["a + 1 more", "a + 1 more", "d.e.f"]


@pytest.mark.parametrize(
    "name, read",
    [
        ("toy_terrier.n.01", "toy terrier"),
        ("dog + 2 more", "dog + 2 more"),
        ("St. Bernard + 2 more", "St. Bernard + 2 more"),
        ("e.g. cats", "e.g. cats"),
    ],
)
def test_names_are_read_without_nltks_endings(name, read):
    assert readable(name) == read


CLASSES = [f"n{number:02}" for number in range(30)]


@given(st.integers(1, 30), st.integers(0, 99))
def test_random_groups_are_even_and_have_every_class_once(number, seed):
    groups = even_groups(CLASSES, number, seed)
    assert len(groups) == number
    assert sorted(name for group in groups for name in group) == CLASSES
    sizes = [len(group) for group in groups]
    assert max(sizes) - min(sizes) <= 1


def test_random_groups_depend_on_the_seed_only():
    groups = even_groups(CLASSES, 7, 5)
    assert sorted(map(sorted, groups)) == sorted(map(sorted, even_groups(CLASSES[::-1], 7, 5)))
    assert sorted(map(sorted, groups)) != sorted(map(sorted, even_groups(CLASSES, 7, 6)))


def test_any_two_classes_meet_equally_often():
    """Two of 30 classes are in one of 10 groups of 3 with probability 2/29."""
    pairs = Counter(
        pair
        for seed in range(300)
        for group in even_groups(CLASSES, 10, seed)
        for pair in [(a, b) for a in group for b in group if a < b]
    )
    expected = 300 * 2 / 29
    found = [pairs[a, b] for a in CLASSES for b in CLASSES if a < b]
    chi2 = sum((count - expected) ** 2 / expected for count in found)
    assert chi2 < 1.25 * len(found)  # 435 pairs: far beyond p = 0.001


def test_groups_of_given_sizes():
    groups = groups_of_sizes(CLASSES, [25, 1, 4], 3)
    assert [len(group) for group in groups] == [25, 1, 4]
    assert sorted(name for group in groups for name in group) == CLASSES


def settings_of(seed=1, **spec):
    return {"spec": {"method": "random-merge", **spec}, "classes": "miniature", "seed": seed}


def test_a_random_merge_of_the_studys_classes():
    frame = label_set_of(settings_of(classes=12), "random-12")
    sizes = frame.groupby("class_wnid").size()
    assert len(frame) == 64
    assert sorted(sizes) == [5] * 8 + [6] * 4
    assert all(name.endswith(" more") for name in frame["class_name"])
    other = label_set_of(settings_of(seed=2, classes=12), "random-12")
    assert not other.equals(frame)


def test_a_random_merge_as_large_as_another_label_set():
    like = {"spec": {"method": "bottom-up", "depth": 7}, "classes": "miniature", "seed": None}
    settings = settings_of(like="bottom-up-12") | {"like": like}
    model = label_set_of(like, "bottom-up-12")
    frame = label_set_of(settings, "random-12")
    sizes = [sorted(one.groupby("class_wnid").size()) for one in (frame, model)]
    assert sizes[0] == sizes[1]
    groups = [set(one.groupby("class_wnid")["wnid"].agg(frozenset)) for one in (frame, model)]
    assert len(groups[0] & groups[1]) < 6  # of twelve


def test_a_random_merge_of_a_data_sets_own_classes():
    frame = label_set_of(settings_of(classes=2), "mine", ["c", "a", "b"])
    assert frame["wnid"].tolist() == ["a", "b", "c"]
    assert sorted(frame.groupby("class_name").size()) == [1, 2]
    refusal(
        lambda: label_set_of(settings_of(classes=3), "mine", ["c", "a", "b"]),
        "label_sets.mine asks for 3 merged classes of 3; take fewer",
    )
