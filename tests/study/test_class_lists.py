"""The config's `classes`: where a list is looked for, and what its lines may hold."""

import pytest
from conftest import ROOT
from study_configs import SCHEMA

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import class_lists, read_classes, read_wnids, taxonomy_for
from imagenet_transfer.study.config_file import place_of_classes, read_config
from imagenet_transfer.study.study import Study

DOG = "n02084071"
CAT = "n02121620"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Return the folder where a study runs and its config, which lies elsewhere."""
    (tmp_path / "run").mkdir()
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run", tmp_path / "studies/mine.yaml"


def test_a_file_is_looked_up_where_the_study_runs_and_then_next_to_its_config(folders):
    run, config = folders
    config.with_name("mine.txt").write_text(DOG)
    assert place_of_classes("mine.txt", [config]) == "../studies/mine.txt"
    (run / "mine.txt").write_text(CAT)
    assert place_of_classes("mine.txt", [config]) == "mine.txt"
    assert read_classes(place_of_classes("mine.txt", [config])) == (CAT,)


def test_the_workflow_s_own_lists_keep_their_names(folders):
    run, config = folders
    for folder in (run, config.parent):
        (folder / "miniature").write_text(DOG)
    assert place_of_classes("miniature", [config]) == "miniature"
    assert len(read_classes("miniature")) == 64


def test_a_list_that_is_nowhere_is_named_with_the_places(folders):
    run, config = folders
    with pytest.raises(UserError) as caught:
        place_of_classes("mine.txt", [config])
    said = str(caught.value)
    assert "classes is 'mine.txt'" in said
    assert f"nor a file in {run} and {config.parent}:" in said
    assert ", ".join(class_lists()) in said


def test_what_is_not_a_relative_path_is_left_to_the_checks(folders, tmp_path):
    _, config = folders
    for classes in (None, 3, ["a"], str(tmp_path / "none.txt")):
        assert place_of_classes(classes, [config]) == classes


def test_names_and_comments_may_follow_a_wnid(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(f"# animals\n\n{DOG}  dog, domestic dog # the first\n  {CAT}\tcat\n")
    assert read_wnids(path) == (DOG, CAT)
    path.write_text(f"{CAT} {DOG}\n")  # several on a line count, as they always did
    assert read_wnids(path) == (DOG, CAT)


@pytest.mark.parametrize(
    "text", [f"dog {DOG}\n", f"{DOG} n0212162O\n", f"{DOG}, dog\n", f"{DOG}dog\n"]
)
def test_what_is_not_a_wnid_is_refused(tmp_path, text):
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=r"mine\.txt"):
        read_wnids(path)


@pytest.mark.parametrize("name", class_lists())
def test_shipped_lists_say_what_their_classes_are(name):
    names = taxonomy_for(read_classes(name)).names
    lines = (ROOT / f"resources/classes/{name}.txt").read_text().splitlines()
    assert len(lines) == len(read_classes(name))
    for line in lines:
        wnid, name = line.split("  ")
        assert name == names[wnid].rsplit(".", 2)[0].replace("_", " ")


def of_the_paper(folder, wnids):
    """Return the paper's config with another class list, as an overlay of it gives."""
    (folder / "mine.txt").write_text("\n".join(wnids) + "\n")
    config = read_config(ROOT / "configs/paper.yaml")
    config["outputs"]["figure5"]["queries"] = list(wnids[:1])
    return config | {"classes": str(folder / "mine.txt")}


def complaints(config):
    with pytest.raises(UserError) as caught:
        Study.of(config, SCHEMA)
    return str(caught.value).splitlines()


def test_what_another_list_makes_of_the_paper_s_label_sets_is_said_before_any_job(tmp_path):
    said = complaints(of_the_paper(tmp_path, read_classes("ilsvrc2012")[:900]))
    assert any("bottom-up-918 promises 918 classes by its name but has 8" in one for one in said)
    assert all(one.startswith("config: label_sets.") for one in said)


def test_unused_label_sets_are_not_asked(tmp_path):
    config = of_the_paper(tmp_path, read_classes("ilsvrc2012"))
    config["label_sets"]["bottom-up-3"] = {"method": "bottom-up", "depth": 9}
    Study.of(config, SCHEMA)


def test_draws_from_a_label_set_that_turns_out_to_have_fewer_classes_are_refused(tmp_path):
    config = of_the_paper(tmp_path, read_classes("ilsvrc2012"))
    config["subsets"]["top-down-127"] |= {"classes": 128}
    (said,) = complaints(config)
    assert "`classes` asks for 128, but its label set top-down-127 has 127" in said
