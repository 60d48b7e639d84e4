"""Stores behind links: recognised, compared with the study's settings, locked for all who link."""

import os

import pytest

from imagenet_transfer.data.shared_stores import (
    PROPOSALS,
    check_shared,
    check_shared_proposals,
    is_shared,
)
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import exclusive, write_json

JPEG = {"store": {"version": 1, "entry": {"store": {"codec": "jpeg", "size": 64}}}}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Stand in a study's folder, whose stores/own is its own and stores/shared another's."""
    for folder in ("study/stores/own", "other"):
        (tmp_path / folder).mkdir(parents=True)
        write_json(tmp_path / folder / "meta.json", {"codec": "jpeg", "size": 64})
        write_json(tmp_path / folder / "packed.json", {"made_from": JPEG})
    (tmp_path / "study/stores/shared").symlink_to("../../other")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path


def test_a_whole_store_behind_a_link_is_shared(study):
    assert is_shared("stores/shared")
    assert not is_shared("stores/own")
    assert not is_shared("stores/none")
    (study / "other/meta.json").unlink()
    assert not is_shared("stores/shared")  # the first study that packs it makes it whole


def test_a_link_to_the_folder_of_all_stores_counts_and_one_to_the_study_does_not(study):
    (study / "elsewhere").symlink_to("study")
    os.chdir(study / "elsewhere")
    assert not is_shared("stores/own")
    (study / "second").mkdir()
    (study / "second/stores").symlink_to("../study/stores")
    os.chdir(study / "second")
    assert is_shared("stores/own")


def changed(**store):
    return {"store": {"version": 1, "entry": {"store": store}}}


def test_a_shared_store_of_other_settings_is_refused_with_the_first_that_differs(study):
    check_shared({"stores/shared": JPEG, "stores/own": changed(codec="raw", size=1)})
    for other, found in [
        (changed(codec="raw", size=64), "store.entry.store.codec: jpeg there, raw here"),
        (changed(codec="jpeg", size=32), "size: 64 there, 32 here"),
        (JPEG | {"rendered": {"seed": 1}}, "rendered: nothing there"),
    ]:
        with pytest.raises(UserError, match=found) as told:
            check_shared({"stores/shared": other})
        assert str(study / "other") in str(told.value)


@pytest.mark.parametrize("packed", [None, "{", "[]", '{"fingerprint": "f"}'])
def test_a_store_that_does_not_say_its_settings_is_compared_by_codec_and_size(study, packed):
    (study / "other/packed.json").unlink()
    if packed:
        (study / "other/packed.json").write_text(packed)
    check_shared({"stores/shared": JPEG | {"rendered": {}}})
    with pytest.raises(UserError, match="codec: jpeg there, raw here"):
        check_shared({"stores/shared": changed(codec="raw", size=64)})


def test_shared_proposals_of_other_settings_are_refused(study):
    (study / "study/proposals").symlink_to("../other")
    (study / "other/voc").mkdir()
    write_json(
        study / "other/voc/boxes.json", {"version": 1, "spec": {"min_side": 20}, "digest": 3}
    )
    assert is_shared("proposals/voc", PROPOSALS)
    check_shared_proposals({"proposals/voc": {"version": 1, "spec": {"min_side": 20}}})
    with pytest.raises(UserError, match=r"spec.min_side: 20 there, 12 here"):
        check_shared_proposals({"proposals/voc": {"version": 1, "spec": {"min_side": 12}}})


def test_all_links_to_a_folder_have_one_lock(study):
    with (
        exclusive("stores/shared", "packs"),
        pytest.raises(UserError, match="Another process packs"),
        exclusive(study / "other", "packs"),
    ):
        pass
    assert not list(study.rglob(".*.lock"))
