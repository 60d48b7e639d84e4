"""Label sets: the paper's counts exactly, and what holds for any class list."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_csv
from imagenet_transfer.labels.label_sets import COLUMNS, _most_even, build_label_set, read_label_set
from imagenet_transfer.labels.taxonomy import (
    RESOURCES,
    read_pascal_roots,
    read_taxonomy,
    read_wnids,
)

ILSVRC = read_wnids(RESOURCES / "classes" / "ilsvrc2012.txt")
TINY_IMAGENET = read_wnids(RESOURCES / "classes" / "tiny-imagenet.txt")
TAXONOMY = read_taxonomy(RESOURCES / "taxonomy.csv")
PASCAL_ROOTS = read_pascal_roots()
ARTIFACT = "n00021939"

BOTTOM_UP = [1, 2, 5, 9, 17, 36, 79, 206, 345, 486, 596, 694, 753, 820, 877, 918, 977, 999]
SPECS = [
    {"method": "identity"},
    {"method": "bottom-up", "depth": 6},
    {"method": "top-down", "round": 1},
    {"method": "exclusion", "roots": "pascal"},
    {"method": "minimal-split", "depth": 4, "half": "a"},
    {"method": "random-split", "size": 40, "half": "b"},
]
FISH = ILSVRC[0]  # far enough from tissue for a minimal split
TISSUE = ILSVRC[-1]
class_lists = st.lists(st.sampled_from(ILSVRC[1:-1]), min_size=60, max_size=120, unique=True).map(
    lambda wnids: [FISH, TISSUE, *wnids]
)


def build(wnids=ILSVRC, seed=0, name="any", **spec):
    return build_label_set(spec, wnids, TAXONOMY, PASCAL_ROOTS, seed, name)


def n_classes(frame):
    return frame["label"].nunique()


@pytest.mark.parametrize(("depth", "count"), list(enumerate(BOTTOM_UP)))
def test_bottom_up_counts(depth, count):
    frame = build(method="bottom-up", depth=depth, name=f"bottom-up-{count}")
    assert n_classes(frame) == count
    assert tuple(frame["wnid"]) == ILSVRC


@pytest.mark.parametrize(("rounds", "count"), [(1, 127), (2, 10), (3, 2)])
def test_top_down_counts(rounds, count):
    assert n_classes(build(method="top-down", round=rounds, name=f"top-down-{count}")) == count


def test_groups_of_the_first_top_down_round():
    sizes = build(method="top-down", round=1)["class_name"].value_counts()
    assert (sizes == 1).sum() == 65
    assert (sizes >= 5).sum() == 26
    largest = {"mammal.n.01": 218, "device.n.01": 124, "container.n.01": 92, "bird.n.01": 59}
    assert sizes.head(4).to_dict() == largest


def test_identity_labels_in_ascending_wnid_order():
    frame = build(method="identity")
    assert tuple(frame["class_wnid"]) == ILSVRC
    assert frame["label"].tolist() == list(range(1000))


def test_pascal_removed_keeps_771():
    kept = build(method="exclusion", roots="pascal")
    assert len(kept) == n_classes(kept) == 771
    dogs = build(method="exclusion", roots=["n02084071"])
    assert len(dogs) == 1000 - 118


def test_minimal_split_parts_artifacts_from_the_rest():
    a = build(method="minimal-split", depth=4, half="a")
    b = build(method="minimal-split", depth=4, half="b")
    assert (len(a), len(b)) == (522, 478)
    assert set(a["wnid"]) == {wnid for wnid in ILSVRC if TAXONOMY.ancestor_at(wnid, 4) == ARTIFACT}
    assert set(a["wnid"]) | set(b["wnid"]) == set(ILSVRC)


def test_random_split_sizes():
    a = build(method="random-split", size=522, half="a")
    b = build(method="random-split", size=522, half="b")
    assert (len(a), len(b)) == (522, 478)
    assert set(a["wnid"]) | set(b["wnid"]) == set(ILSVRC)
    assert set(a["wnid"]) != set(build(method="random-split", size=522, half="a", seed=1)["wnid"])


def test_random_split_is_drawn_across_the_whole_list():
    positions = [
        ILSVRC.index(wnid) for wnid in build(method="random-split", size=522, half="a")["wnid"]
    ]
    mean = sum(positions) / len(positions)
    assert 450 < mean < 550  # of a uniform draw: 499.5, with a standard deviation of 8.7


def test_minimal_split_of_another_class_list():
    halves = [build(TINY_IMAGENET, method="minimal-split", depth=4, half=half) for half in "ab"]
    above = [{TAXONOMY.ancestor_at(wnid, 4) for wnid in half["wnid"]} for half in halves]
    assert not above[0] & above[1]
    assert len(halves[0]) >= len(halves[1]) > 0


@given(st.lists(st.integers(1, 9), min_size=2, max_size=9))
def test_most_even_division_is_the_best_and_the_first_of_the_best(sizes):
    subsets = [[i for i in range(len(sizes)) if mask >> i & 1] for mask in range(2 ** len(sizes))]
    larger = [chosen for chosen in subsets if 2 * sum(sizes[i] for i in chosen) >= sum(sizes)]
    least = min(sum(sizes[i] for i in chosen) for chosen in larger)
    best = [chosen for chosen in larger if sum(sizes[i] for i in chosen) == least]
    assert _most_even(sizes) == min(
        best, key=lambda chosen: [i not in chosen for i in range(len(sizes))]
    )


@settings(max_examples=15, deadline=None)
@given(class_lists, st.sampled_from(SPECS), st.randoms())
def test_rows_are_sorted_labels_dense_and_order_free(wnids, spec, random):
    frame = build(wnids, **spec)
    assert tuple(frame.columns) == COLUMNS
    assert (
        frame["wnid"].is_monotonic_increasing
        and frame["wnid"].is_unique
        and set(frame["wnid"]) <= set(wnids)
    )
    classes = sorted(set(frame["class_wnid"]))
    assert [classes[label] for label in frame["label"]] == frame["class_wnid"].tolist()
    assert frame["class_name"].tolist() == [TAXONOMY.names[wnid] for wnid in frame["class_wnid"]]
    random.shuffle(wnids)
    assert build(wnids, **spec).equals(frame)


@settings(max_examples=15, deadline=None)
@given(class_lists, st.integers(0, 3), st.integers(1, 59))
def test_halves_are_complementary(wnids, seed, size):
    for spec in ({"method": "minimal-split", "depth": 5}, {"method": "random-split", "size": size}):
        a, b = (set(build(wnids, seed, **spec, half=half)["wnid"]) for half in "ab")
        assert a | b == set(wnids) and not a & b
    assert len(a) == size


@settings(max_examples=15, deadline=None)
@given(class_lists, st.integers(1, 50), st.integers(1, 50))
def test_random_splits_are_nested(wnids, smaller, larger):
    a, b = (
        set(build(wnids, method="random-split", size=n, half="a")["wnid"])
        for n in (smaller, max(smaller, larger))
    )
    assert a <= b


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (
            {"method": "bottom-up", "depth": -1},
            r"label_sets\.bad has the depth -1; its classes allow 0 to 18",
        ),
        ({"method": "bottom-up", "depth": 19}, "has the depth 19"),
        ({"method": "top-down", "round": 0}, "rounds count from 1"),
        ({"method": "top-down", "round": 5}, "nothing is left to merge after round 4"),
        (
            {"method": "minimal-split", "depth": 0, "half": "a"},
            "all classes share one ancestor at depth 0",
        ),
        ({"method": "random-split", "size": 1000, "half": "a"}, "its classes allow 1 to 999"),
        ({"method": "exclusion", "roots": ["n00001740"]}, "keeps none of the classes"),
        ({"method": "bottom-up"}, r"label_sets\.bad is not a known method with all its keys"),
        ({"method": "guess"}, "The methods are identity"),
    ],
)
def test_impossible_spec_is_refused(spec, complaint):
    with pytest.raises(UserError, match=complaint):
        build(name="bad", **spec)


def test_name_that_promises_another_number_is_refused():
    with pytest.raises(
        UserError, match=r"label_sets\.bottom-up-918 promises 918 classes by its name but has 877"
    ):
        build(method="bottom-up", depth=14, name="bottom-up-918")


def test_written_label_set_reads_back(tmp_path):
    frame = build(method="bottom-up", depth=6)
    write_csv(tmp_path / "set.csv", frame)
    assert read_label_set(tmp_path / "set.csv").equals(frame)


@pytest.mark.parametrize("text", ["", "wnid,label\nn1,0\n"])
def test_spoilt_label_set_is_refused(tmp_path, text):
    (tmp_path / "set.csv").write_text(text)
    with pytest.raises(UserError, match="Build it again"):
        read_label_set(tmp_path / "set.csv")
