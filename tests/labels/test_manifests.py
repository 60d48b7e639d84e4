"""Manifests: nested draws that depend only on names and seed, dense labels, what is short."""

import gzip
import hashlib
import json
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.manifests import draw_manifest, read_manifest, write_manifest
from imagenet_transfer.seeds import digest_of

COARSE = {"n01": "n10", "n02": "n10", "n03": "n20", "n04": "n30", "n05": "n30", "n06": "n40"}
ranks = {wnid: rank for rank, wnid in enumerate(sorted(set(COARSE.values())))}
LABEL_SET = pd.DataFrame(
    [(wnid, ranks[above], above, above) for wnid, above in COARSE.items()],
    columns=["wnid", "label", "class_wnid", "class_name"],
)
sizes_of_classes = st.lists(st.integers(1, 12), min_size=6, max_size=6)
seeds = st.integers(0, 99)


def make_images(sizes=(20,) * 6, extra=3):
    """Return six fine classes of the given sizes and one that is not in the label set."""
    counts = dict(zip(COARSE, sizes, strict=True)) | {"n99": extra}
    rows = [(f"{wnid}_{i}", wnid) for wnid, count in counts.items() for i in range(count)]
    return pd.DataFrame(rows, columns=["image", "class"])


def names(manifest):
    return set(manifest.rows["image"])


def class_of(image):
    return image.partition("_")[0]


def test_everything_is_taken_without_sampling():
    manifest = draw_manifest(make_images(), LABEL_SET, {}, 0)
    assert len(manifest.rows) == 120
    assert manifest.classes == ("n10", "n20", "n30", "n40")
    assert [manifest.classes[label] for label in manifest.rows["label"]] == [
        COARSE[class_of(image)] for image in manifest.rows["image"]
    ]
    assert manifest.short == []


def test_images_per_class_counts_fine_classes():
    manifest = draw_manifest(make_images(), LABEL_SET, {"images_per_class": 5}, 0)
    assert manifest.rows["image"].map(class_of).value_counts().to_dict() == dict.fromkeys(COARSE, 5)


def test_draw_is_the_first_by_hash():
    manifest = draw_manifest(make_images(), LABEL_SET, {"images_per_class": 5}, 7)
    candidates = make_images()["image"][:20]
    first = sorted(candidates, key=lambda image: digest_of(7, "images", image))[:5]
    assert names(manifest) & set(candidates) == set(first)


def test_labels_are_ranked_anew_among_the_chosen_classes():
    for seed in range(5):
        manifest = draw_manifest(make_images(), LABEL_SET, {"classes": 2}, seed)
        assert len(manifest.classes) == 2 and list(manifest.classes) == sorted(manifest.classes)
        found = {
            COARSE[class_of(image)]: label for image, label in manifest.rows.itertuples(index=False)
        }
        assert found == {wnid: label for label, wnid in enumerate(manifest.classes)}


def test_both_samplings_together():
    manifest = draw_manifest(make_images(), LABEL_SET, {"classes": 3, "images_per_class": 4}, 0)
    fine = [wnid for wnid, above in COARSE.items() if above in manifest.classes]
    assert manifest.rows["image"].map(class_of).value_counts().to_dict() == dict.fromkeys(fine, 4)
    assert names(manifest) < names(
        draw_manifest(make_images(), LABEL_SET, {"images_per_class": 4}, 0)
    )


def test_draws_differ_between_seeds():
    draws = {
        frozenset(names(draw_manifest(make_images(), LABEL_SET, {"images_per_class": 5}, s)))
        for s in range(5)
    }
    assert len(draws) == 5


def test_images_are_drawn_uniformly():
    counts = np.zeros(20)
    for seed in range(200):
        drawn = names(draw_manifest(make_images(), LABEL_SET, {"images_per_class": 5}, seed))
        counts += [f"n01_{i}" in drawn for i in range(20)]
    assert counts.sum() == 1000
    assert ((counts - 50) ** 2 / 50).sum() < 44  # chi-squared with 19 degrees of freedom: p = 0.001


@settings(max_examples=40, deadline=None)
@given(sizes_of_classes, seeds, st.integers(1, 13), st.integers(1, 13))
def test_images_are_nested(sizes, seed, smaller, larger):
    images = make_images(sizes)
    few, many = sorted((smaller, larger))
    drawn = [
        names(draw_manifest(images, LABEL_SET, {"images_per_class": n}, seed)) for n in (few, many)
    ]
    assert drawn[0]
    assert drawn[0] <= drawn[1] <= names(draw_manifest(images, LABEL_SET, {}, seed))


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(2, 4), st.integers(2, 4))
def test_classes_are_nested(seed, smaller, larger):
    few, many = (
        draw_manifest(make_images(), LABEL_SET, {"classes": n}, seed)
        for n in sorted((smaller, larger))
    )
    assert set(few.classes) <= set(many.classes)
    assert names(few) <= names(many)


@settings(max_examples=40, deadline=None)
@given(sizes_of_classes, seeds, st.randoms())
def test_order_of_the_rows_does_not_matter(sizes, seed, random):
    images = make_images(sizes)
    sampling = {"classes": 3, "images_per_class": 5}
    straight = draw_manifest(images, LABEL_SET, sampling, seed)
    order = random.sample(range(len(images)), len(images))
    shuffled = draw_manifest(
        images.iloc[order], LABEL_SET.sample(frac=1, random_state=seed), sampling, seed
    )
    assert shuffled.rows.equals(straight.rows)
    assert (shuffled.classes, shuffled.short) == (straight.classes, straight.short)
    assert straight.rows["image"].is_monotonic_increasing


@settings(max_examples=40, deadline=None)
@given(sizes_of_classes, st.integers(1, 13))
def test_short_classes_keep_all_and_are_reported(sizes, wanted):
    manifest = draw_manifest(make_images(sizes), LABEL_SET, {"images_per_class": wanted}, 0)
    available = dict(zip(COARSE, sizes, strict=True))
    assert manifest.short == [
        {"class": wnid, "wanted": wanted, "available": count}
        for wnid, count in available.items()
        if count < wanted
    ]
    kept = manifest.rows["image"].map(class_of).value_counts().to_dict()
    assert kept == {wnid: min(count, wanted) for wnid, count in available.items()}


def test_fine_class_without_images_is_short():
    manifest = draw_manifest(make_images((0, 9, 9, 9, 9, 9)), LABEL_SET, {"images_per_class": 4}, 0)
    assert manifest.short == [{"class": "n01", "wanted": 4, "available": 0}]


def test_class_without_any_image_is_refused():
    with pytest.raises(
        UserError,
        match=r"subsets\.mine: the data set has no image of 1 of the classes .* n20 among",
    ):
        draw_manifest(make_images((9, 9, 0, 9, 9, 9)), LABEL_SET, {}, 0, name="mine")


def test_classes_that_are_not_the_label_sets_are_named():
    images = make_images().assign(**{"class": ["dog", "cat"] * 61 + ["eel"]})
    with pytest.raises(UserError) as caught:
        draw_manifest(images, LABEL_SET, {}, 0, "pets")
    said = str(caught.value)
    assert said.startswith("subsets.pets: none of the data set's classes, which are called 'cat',")
    assert "'dog', 'eel', is among the 6 classes of the labels, such as n01." in said
    assert "rename the class folders or labels, or leave out `label_set`" in said


def test_more_classes_than_there_are_is_refused():
    with pytest.raises(
        UserError, match=r"subsets\.mine: `classes` asks for 5, but its label set has 4"
    ):
        draw_manifest(make_images(), LABEL_SET, {"classes": 5}, 0, name="mine")


def test_written_manifest_reads_back_and_repeats_its_bytes(tmp_path):
    manifest = draw_manifest(make_images((2, 9, 9, 9, 9, 9)), LABEL_SET, {"images_per_class": 4}, 0)
    for folder in ("one", "two"):
        write_manifest(manifest, tmp_path / folder / "mine.csv.gz", tmp_path / folder / "mine.json")
    for file in ("mine.csv.gz", "mine.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    back = read_manifest(tmp_path / "one" / "mine.csv.gz")
    assert back.rows["image"].tolist() == manifest.rows["image"].tolist()
    assert back.rows["label"].equals(manifest.rows["label"])
    assert (back.classes, back.short) == (manifest.classes, manifest.short)


def test_summary_of_a_written_manifest(tmp_path):
    manifest = draw_manifest(make_images(), LABEL_SET, {"images_per_class": 4}, 0)
    write_manifest(manifest, tmp_path / "mine.csv.gz", tmp_path / "mine.json")
    text = gzip.decompress((tmp_path / "mine.csv.gz").read_bytes())
    assert text.startswith(b"image,label\nn01_")
    assert json.loads((tmp_path / "mine.json").read_text()) == {
        "n_classes": 4,
        "n_images": 24,
        "digest": hashlib.sha256(text).hexdigest(),
        "classes": ["n10", "n20", "n30", "n40"],
        "short": [],
    }


def test_a_summary_says_how_its_manifest_was_drawn(tmp_path):
    drawn = {"version": 1, "sampling": {"images_per_class": 4}, "seed": 0, "label_set": "abc"}
    manifest = draw_manifest(make_images(), LABEL_SET, {"images_per_class": 4}, 0)
    write_manifest(manifest, tmp_path / "mine.csv.gz", tmp_path / "mine.json", drawn)
    summary = json.loads((tmp_path / "mine.json").read_text())
    write_manifest(manifest, tmp_path / "mine.csv.gz", tmp_path / "mine.json")
    assert summary == json.loads((tmp_path / "mine.json").read_text()) | {"drawn": drawn}


def test_missing_or_cut_manifest_is_refused(tmp_path):
    with pytest.raises(UserError, match="draw it again"):
        read_manifest(tmp_path / "none.csv.gz")
    manifest = draw_manifest(make_images(), LABEL_SET, {}, 0)
    write_manifest(manifest, tmp_path / "cut.csv.gz", tmp_path / "cut.json")
    (tmp_path / "cut.csv.gz").write_bytes((tmp_path / "cut.csv.gz").read_bytes()[:-20])
    with pytest.raises(UserError, match="draw it again"):
        read_manifest(tmp_path / "cut.csv.gz")


def test_time_of_a_million_images(capsys):
    """Of ILSVRC2012's size; printed only, as times say more about the machine than the code."""
    wnids = [f"n{i:08d}" for i in range(1000)]
    images = pd.DataFrame(
        {
            "image": [f"{w}_{i:04d}" for w in wnids for i in range(1280)],
            "class": np.repeat(wnids, 1280),
        }
    )
    label_set = pd.DataFrame(
        {"wnid": wnids, "label": range(1000), "class_wnid": wnids, "class_name": wnids}
    )
    start = time.perf_counter()
    manifest = draw_manifest(images, label_set, {"images_per_class": 500}, 0)
    seconds = time.perf_counter() - start
    with capsys.disabled():
        print(f"\n500 of each 1280 images drawn from 1.28 million: {seconds:.1f} s")
    assert len(manifest.rows) == 500_000
