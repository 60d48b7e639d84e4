"""The config: shipped studies are valid, mistakes get a sentence each, and each stage consumes its own part alone."""

import copy
import itertools
import json
import shutil
from collections import OrderedDict
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.label_sets import build_label_set
from imagenet_transfer.labels.manifests import draw_manifest
from imagenet_transfer.labels.taxonomy import read_classes, taxonomy_for
from imagenet_transfer.study.config_file import check_owner, plain, read_config
from imagenet_transfer.study.study import PretrainRun, Study, TransferRun
from imagenet_transfer.versions import VERSIONS

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
STUDIES = ["config.yaml", "configs/paper.yaml", "configs/tiny-imagenet.yaml"]


HALVES = {"builder": "splits", "splits": {"random": ["random-a", "random-b"]}, "depth": 3}


@pytest.fixture
def config():
    return read_config(ROOT / "config.yaml")


def change(config, path, value):
    """Return a copy with the value at a dotted path set, or removed if it is `...`."""
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return config


@pytest.mark.parametrize("path", STUDIES)
def test_shipped_studies_are_valid(path):
    study = Study.of(read_config(ROOT / path), SCHEMA)
    assert study.transfer_runs("table2")


def test_the_paper_declares_all_21_clusterings():
    sets = read_config(ROOT / "configs/paper.yaml")["label_sets"]
    depths = sorted(entry["depth"] for entry in sets.values() if entry["method"] == "bottom-up")
    rounds = sorted(entry["round"] for entry in sets.values() if entry["method"] == "top-down")
    assert depths == list(range(18))
    assert rounds == [1, 2, 3]


@pytest.mark.parametrize(
    "path, value, sentence",
    [
        ("recipies", {}, "the top level has the unknown key 'recipies'. Did you mean 'recipes'?"),
        (
            "recipes.pretrain.Lr",
            0.1,
            "recipes.pretrain has the unknown key 'Lr'. Did you mean 'lr'?",
        ),
        ("recipes.pretrain.lr", ..., "recipes.pretrain lacks the key 'lr'"),
        ("recipes.pretrain.lr", "1e-3", "recipes.pretrain.lr is '1e-3', but should be a number"),
        ("recipes.pretrain.lr", -0.1, "recipes.pretrain.lr is -0.1"),
        (
            "recipes.pretrain.epochs",
            3,
            "recipes.pretrain needs either `iterations` or `epochs`, and not both",
        ),
        ("subsets.images-24.images_per_class", 0, "subsets.images-24.images_per_class is 0"),
        (
            "subsets.images-24.label_set",
            "imgnet",
            "names 'imgnet', which is not in label_sets. Did you mean 'imagenet'?",
        ),
        ("subsets.Images", {}, "names are lower-case letters"),
        (
            "subsets.scratch",
            {"dataset": "imagenet", "label_set": "imagenet", "recipe": "pretrain"},
            "is reserved",
        ),
        (
            "outputs.table2.references",
            ["imagnet"],
            "outputs.table2 names 'imagnet', which is not in subsets",
        ),
        (
            "outputs.table2.tasks",
            ["sun"],
            "outputs.table2.tasks names 'sun', which is not in tasks",
        ),
        ("outputs.table2.columns", ["1/2"], "the row 'more classes' has 3 subsets for 1 columns"),
        ("tasks.pascal-det.recipe", "sun", "its recipe sun lacks the section `detector`"),
        ("tasks.sun-cls.recipe", "detection", "has a section `detector`"),
        ("tasks.sun-cls.metric", "mAP", "mAP is no metric of kind classification"),
        ("tasks.sun-cls.metric", "AP/dog", "AP/dog is no metric of kind classification"),
        ("tasks.pascal-det.metric", "top1", "top1 is no metric of kind detection"),
        (
            "tasks.pascal-det.metric",
            "AP/",
            "is 'AP/', which is none of what is allowed there. The metric that tables",
        ),
        ("tasks.pascal-det.average_precision", ..., "needs the key `average_precision`"),
        ("tasks.pascal-det.replicates", 0, "tasks.pascal-det.replicates is 0"),
        ("datasets.imagenet.store.size", 32, "datasets.imagenet.store.size is 32"),
        ("datasets.imagenet.store.size", ..., "codec raw needs the key `size`"),
        ("datasets.sun397.partition", ..., "needs the key `partition`"),
        ("datasets.voc2007.year", ..., "needs the key `year`"),
        ("architectures.alexnet.input_size", 65, "input_size exceeds image_size"),
        ("miniature", ..., "needs the section `miniature`"),
        (
            "label_sets.imagenet.method",
            "bottomup",
            "should be one of identity, categories, bottom-up",
        ),
        ("seed", "two", "seed is 'two'"),
        ("miniature.places", ..., "places365 needs the key `places` in the section `miniature`"),
        ("datasets.voc2012-action.proposals", ..., "needs the section `proposals`"),
        (
            "datasets.voc2012-action.proposals",
            {"method": "selective-search"},
            "needs the key `mode`",
        ),
        ("datasets.voc2012-action.proposals", {"method": "file"}, "needs the key `path`"),
        (
            "datasets.voc2007.store",
            {"codec": "jpeg", "size": 64, "max_unreadable": 0},
            "is stored warped",
        ),
        ("datasets.voc2007.year", 2012, "needs a data set of layout voc of the year 2007"),
        (
            "recipes.action.rstarcnn.secondary_iou",
            [0.75, 0.2],
            "the first limit, 0.75, exceeds the second, 0.2",
        ),
        ("subsets.images-3.recipe", "last-layer", "last-layer is for fine-tuning"),
        ("subsets.images-3.recipe", "detection", "detection is for fine-tuning"),
        ("subsets.places.label_set", "imagenet", "places has no WordNet classes"),
        (
            "subsets.imagenet.label_set",
            "places",
            "holds the categories of another data set than imagenet",
        ),
        ("replicates", 0, "replicates is 0"),
        ("replicates", ..., "lacks the key 'replicates'"),
        ("outputs.figure2.tasks", ["imagenet-cls"], "is shown as `accuracy` already"),
        (
            "outputs.figure5.subsets",
            ["imagenet", "places"],
            "features of several data sets (imagenet, places)",
        ),
        (
            "outputs.figure6.subset",
            "bottom-up-12",
            "'bottom-up-12' was not trained on fine classes",
        ),
        (
            "datasets.voc2007.proposals",
            {"method": "selective-search"},
            "has no use for `proposals`",
        ),
        (
            "label_sets.bottom-up-12.depth",
            ...,
            "label_sets.bottom-up-12: method bottom-up needs the key `depth`",
        ),
        ("label_sets.imagenet.depth", 3, "method identity has no use for the key `depth`"),
        (
            "label_sets.places.dataset",
            "place",
            "names 'place', which is not in datasets. Did you mean 'places'?",
        ),
        (
            "tasks.pascal-act.recipe",
            "detection",
            "its recipe detection lacks the section `rstarcnn`",
        ),
        (
            "tasks.pascal-act.dataset",
            "voc2007",
            "needs a data set of layout voc-action, and voc2007 is none",
        ),
        ("tasks.half-random-a.subset", "random-c", "names 'random-c', which is not in subsets"),
        (
            "tasks.half-random-a.dataset",
            "imagenet",
            "needs the key `dataset`, or (classification) `subset`",
        ),
        (
            "outputs.figure1.builder",
            "table",
            "outputs.figure1.builder is 'table', but should be one of",
        ),
        ("outputs.figure1.accuracy", ..., "outputs.figure1 lacks the key 'accuracy'"),
        (
            "outputs.figure1.subset",
            "imagenet",
            "outputs.figure1 has the unknown key 'subset'. Did you mean 'subsets'?",
        ),
        (
            "outputs.figure2.accuracy",
            "imagenet",
            "names 'imagenet', which is not in tasks. Did you mean 'imagenet-cls'?",
        ),
        (
            "outputs.figure3.label_sets",
            ["bottom-up-4"],
            "names 'bottom-up-4', which is not in label_sets",
        ),
        ("outputs.figure4.baseline", "scratch", "names 'scratch', which is not in subsets"),
        ("outputs.figure4.subsets", ["images-24"], "the labels of 'images-24' merge no classes"),
        ("outputs.figure5.queries", ["tiger"], "wnids are the letter n and eight digits"),
        (
            "outputs.figure9.splits.random",
            ["half-random-a", "sun-cls"],
            "should name the half as its `subset`",
        ),
        (
            "outputs.table1",
            {"builder": "splits", "splits": {}, "depth": 3},
            "outputs.table1.splits is {}",
        ),
        ("outputs.table1", HALVES, "outputs.table1: builder splits makes no table"),
        ("outputs.fig1", {"builder": "curve"}, "outputs are called table1 to table3"),
    ],
)
def test_a_mistake_gets_a_sentence(config, path, value, sentence):
    with pytest.raises(UserError) as caught:
        Study.of(change(config, path, value), SCHEMA)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("study: a\nseed: 1\nseed: 2\n", "line 3: the key 'seed' stands there twice"),
        ("study: [a\n", "cannot be read as YAML"),
        ("- a\n", "should hold the keys of a study, but holds list"),
        ("study: !!python/object/apply:os.system ['echo']\n", "cannot be read as YAML"),
    ],
)
def test_yamls_own_traps(tmp_path, text, sentence):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml") as caught:
        read_config(tmp_path / "config.yaml")
    assert sentence in str(caught.value)


def test_the_schema_describes_every_key():
    def undescribed(node, path):
        for key, entry in node.get("properties", {}).items():
            if "description" not in entry and entry.get("type") != "object":
                yield f"{path}.{key}"
            yield from undescribed(entry, f"{path}.{key}")
            yield from undescribed(entry.get("items", {}), f"{path}.{key}")
        if isinstance(node.get("additionalProperties"), dict):
            yield from undescribed(node["additionalProperties"], path)

    schema = yaml.safe_load(SCHEMA.read_text())
    assert not list(undescribed(schema, ""))
    assert "default" not in SCHEMA.read_text().replace("no defaults", "")


def test_seeds_come_from_names(config):
    """Another subset, task or replicate changes no other run's settings."""
    before = Study.of(config, SCHEMA)
    more = change(config, "subsets.aa-first", dict(config["subsets"]["images-24"])) | {
        "replicates": 4
    }
    more["tasks"]["pascal-det"]["replicates"] = 4
    after = Study.of(more, SCHEMA)
    for replicate in (1, 2, 3):
        for subset in config["subsets"]:
            assert before.pretrain_slice("alexnet", subset, replicate) == after.pretrain_slice(
                "alexnet", subset, replicate
            )
            assert before.manifest_slice(subset, replicate) == after.manifest_slice(
                subset, replicate
            )
        run = ("pascal-det", "alexnet", replicate)
        assert before.transfer_slice(*run) == after.transfer_slice(*run)


def seeds_of(study, replicate):
    """The seeds that a replicate's stages have, by what they are for; of subsets the set over all of them."""
    subsets = study.subsets
    return {
        "pre-training": {
            study.pretrain_slice("alexnet", subset, replicate)["seed"] for subset in subsets
        },
        "draw": {
            study.manifest_slice(name, replicate)["seed"] for name in subsets if name != "places"
        },
        "labels": {
            study.label_set_slice(name, replicate)["seed"] for name in ("random-a", "random-b")
        },
        "detection": {study.transfer_slice("pascal-det", "alexnet", replicate)["seed"]},
        "scenes": {study.transfer_slice("sun-cls", "alexnet", replicate)["seed"]},
    }


def test_seeds_are_shared_by_subsets_and_differ_between_replicates_and_stages(config):
    study = Study.of(config, SCHEMA)
    found = [seeds_of(study, replicate) for replicate in (1, 2, 3)]
    assert {len(seeds) for of_replicate in found for seeds in of_replicate.values()} == {1}
    assert (
        len(set().union(*(seeds for of_replicate in found for seeds in of_replicate.values())))
        == 3 * 5
    )
    other = seeds_of(Study.of(config | {"seed": 2017}, SCHEMA), 1)
    assert all(other[what].isdisjoint(found[0][what]) for what in other)


def test_only_what_is_drawn_is_drawn_anew_for_each_replicate(config):
    study = Study.of(config, SCHEMA)
    drawn = {name for name in study.subsets if study.is_drawn(name)}
    assert drawn == {
        name for name in study.subsets if name.startswith(("images-", "classes-", "random-"))
    }
    assert {name for name in study.label_sets if study.is_random(name)} == {"random-a", "random-b"}
    for name in study.label_sets:
        same = study.label_set_slice(name, 1) == study.label_set_slice(name, 2)
        assert same != study.is_random(name)


def test_draws_are_nested_within_a_replicate_and_differ_between_replicates(config):
    study, wnids = Study.of(config, SCHEMA), read_classes("miniature")
    images = pd.DataFrame(
        [(f"{wnid}_{i}", wnid) for wnid in wnids for i in range(48)], columns=["image", "class"]
    )
    labels = build_label_set(
        {"method": "identity"}, wnids, taxonomy_for(wnids), {}, None, "imagenet"
    )

    def drawn(subset, replicate):
        content = study.manifest_slice(subset, replicate)
        return set(
            draw_manifest(images, labels, content["sampling"], content["seed"], subset).rows[
                "image"
            ]
        )

    for family in (
        ["images-3", "images-6", "images-12", "images-24", "imagenet"],
        ["classes-8", "classes-16"],
    ):
        for replicate in (1, 2):
            draws = [drawn(subset, replicate) for subset in family]
            assert all(less < more for less, more in itertools.pairwise(draws))
    assert all(drawn(subset, 1) != drawn(subset, 2) for subset in ("images-24", "classes-16"))
    assert drawn("imagenet", 1) == drawn("imagenet", 2)


def test_random_halves_are_drawn_anew_for_each_replicate_and_fit_each_other(config):
    study, wnids = Study.of(config, SCHEMA), read_classes("miniature")

    def half(name, replicate):
        content = study.label_set_slice(name, replicate)
        found = build_label_set(
            content["spec"], wnids, taxonomy_for(wnids), {}, content["seed"], name
        )
        return set(found["wnid"])

    halves = {rep: (half("random-a", rep), half("random-b", rep)) for rep in (1, 2)}
    for a, b in halves.values():
        assert a.isdisjoint(b)
        assert a | b == set(wnids)
    assert halves[1][0] not in halves[2]


def test_fine_tuning_starts_from_the_network_of_its_replicate_cycled(config):
    config["tasks"]["pascal-det"]["replicates"] = 7
    study = Study.of(config, SCHEMA)
    runs = [
        run
        for run in study.transfer_runs("table1")
        if (run.task, run.subset) == ("pascal-det", "imagenet")
    ]
    assert [run.replicate for run in runs] == [1, 2, 3, 4, 5, 6, 7]
    assert [study.origin(run).replicate for run in runs] == [1, 2, 3, 1, 2, 3, 1]
    assert study.origin(TransferRun("pascal-det", "alexnet", "scratch", 2)) is None
    one = Study.of(config | {"replicates": 1}, SCHEMA)
    assert {one.origin(run).replicate for run in runs} == {1}


def test_a_half_is_learnt_as_it_was_drawn_for_its_own_network(config):
    config["tasks"]["half-random-a"]["replicates"] = 5
    study = Study.of(config, SCHEMA)
    runs = [run for run in study.transfer_runs("figure9") if run.task == "half-random-a"]
    assert {run.subset for run in runs} == {"random-a", "imagenet"}
    draws = {run.replicate: study.draw_of_task("half-random-a", run.replicate) for run in runs}
    assert draws == {1: 1, 2: 2, 3: 3, 4: 1, 5: 2}
    assert all(study.origin(run).replicate == draws[run.replicate] for run in runs)


@pytest.mark.parametrize(
    "weights, networks, files",
    [
        ("given/{arch}.pt", 1, ["given/alexnet.pt"] * 3),
        ("given/{arch}-{rep}.pt", 3, [f"given/alexnet-{rep}.pt" for rep in (1, 2, 3)]),
    ],
)
def test_a_given_file_serves_all_replicates_unless_its_path_names_each(
    config, weights, networks, files
):
    given = {"dataset": "imagenet", "label_set": "imagenet", "weights": weights}
    study = Study.of(change(config, "subsets.imagenet", given), SCHEMA)
    assert study.replicates_of("imagenet") == networks
    runs = [
        run
        for run in study.transfer_runs("table1")
        if (run.task, run.subset) == ("sun-cls", "imagenet")
    ]
    origins = [study.origin(run) for run in runs]
    assert [
        str(study.given_path("alexnet", "imagenet", origin.replicate)) for origin in origins
    ] == files
    assert (
        len([run for run in study.pretrain_runs("table1") if run.subset == "imagenet"]) == networks
    )
    assert study.output_slice("table1")["networks"]["imagenet"] == networks


def test_every_network_of_a_curve_gets_a_new_last_layer(config):
    study = Study.of(config, SCHEMA)
    for name in ("figure1", "figure2"):
        fitted = [run for run in study.transfer_runs(name) if run.task == "imagenet-cls"]
        trained = [subset for subset in study.subsets_of(name) if subset != "scratch"]
        assert fitted == [
            TransferRun("imagenet-cls", "alexnet", s, rep) for s in trained for rep in (1, 2, 3)
        ]


def test_accuracy_is_a_networks_own_only_if_it_was_trained_on_all_classes(config):
    study = Study.of(config, SCHEMA)
    assert study.output_slice("figure2")["own"] == {"imagenet": 3}
    fine = ["images-3", "images-6", "images-12", "images-24", "imagenet"]
    assert study.output_slice("figure1")["own"] == dict.fromkeys(sorted(fine), 3)
    given = {"dataset": "imagenet", "label_set": "imagenet", "weights": "given.pt"}
    of_given = Study.of(change(config, "subsets.images-3", given), SCHEMA)
    assert (
        "images-3" not in of_given.output_slice("figure1")["own"]
    )  # nobody knows how it was tested


def test_the_split_experiments_rest_on_the_halves_and_on_the_whole(config):
    study, replicates = Study.of(config, SCHEMA), (1, 2, 3)
    halves = ["random-a", "random-b", "minimal-a", "minimal-b"]
    for output, task, shown in (
        ("figure9", "half", halves),
        ("figure-all-layers", "whole", halves[2:]),
    ):
        networks = {
            PretrainRun("alexnet", name, rep) for name in [*shown, "imagenet"] for rep in replicates
        }
        assert set(study.pretrain_runs(output)) == networks
        cells = [(f"{task}-{half}", name) for half in shown for name in (half, "imagenet")]
        runs = [TransferRun(of, "alexnet", name, rep) for of, name in cells for rep in replicates]
        assert study.transfer_runs(output) == runs
    assert study.output_slice("figure9")["layers"] == "last"
    assert study.output_slice("figure-all-layers")["layers"] == "all"


def test_training_parameters_stay_out_of_manifests(config):
    faster = Study.of(change(config, "recipes.pretrain.lr", 0.5), SCHEMA)
    study = Study.of(config, SCHEMA)
    assert faster.manifest_slice("images-24") == study.manifest_slice("images-24")
    assert faster.pretrain_slice("alexnet", "images-24", 1) != study.pretrain_slice(
        "alexnet", "images-24", 1
    )


def test_the_order_of_keys_does_not_matter(config):
    backwards = change(
        config, "recipes.pretrain", dict(reversed(config["recipes"]["pretrain"].items()))
    )
    one, other = Study.of(config, SCHEMA), Study.of(backwards, SCHEMA)
    assert str(one.pretrain_slice("alexnet", "imagenet", 1)) == str(
        other.pretrain_slice("alexnet", "imagenet", 1)
    )


def test_a_user_s_list_of_classes_counts_by_what_it_holds(config, tmp_path):
    path = tmp_path / "mine.txt"
    slices = []
    wnids = read_classes("miniature")
    for names in (wnids[:-1], wnids[1:]):
        path.write_text("\n".join(names))
        study = Study.of(change(config, "classes", str(path)), SCHEMA)
        slices.append(
            (
                study.store_slice("imagenet"),
                study.label_set_slice("imagenet"),
                study.render_slice("ilsvrc"),
            )
        )
    assert all(one != other for one, other in zip(*slices, strict=True))


def test_label_sets_depend_on_the_hierarchy_and_some_on_pascals_objects(
    config, tmp_path, monkeypatch
):
    names = ("imagenet", "bottom-up-12", "random-a", "places", "pascal-removed")

    def slices():
        return {name: Study.of(config, SCHEMA).label_set_slice(name) for name in names}

    def changed_by(file):
        folder = tmp_path / file
        shutil.copytree(ROOT / "resources", folder)
        with (folder / file).open("a") as opened:
            opened.write("\n")
        monkeypatch.setattr("imagenet_transfer.study.study.RESOURCES", folder)
        return {name for name, content in slices().items() if content != before[name]}

    before = slices()
    assert changed_by("taxonomy.csv") == {"imagenet", "bottom-up-12", "random-a", "pascal-removed"}
    assert changed_by("pascal_roots.csv") == {"pascal-removed"}
    other = change(config, "label_sets.pascal-removed.roots", ["n02084071"])
    assert "pascal_roots" not in Study.of(other, SCHEMA).label_set_slice("pascal-removed")


def test_figure_5_of_the_paper_asks_for_a_macaque_and_a_giant_schnauzer():
    queries = read_config(ROOT / "configs/paper.yaml")["outputs"]["figure5"]["queries"]
    names = taxonomy_for(queries).names
    assert [names[wnid] for wnid in queries] == ["macaque.n.01", "giant_schnauzer.n.01"]


def test_what_changes_no_byte_repacks_nothing(config):
    before = Study.of(config, SCHEMA).store_slice("imagenet")
    for path, value in (("images", ...), ("store.max_unreadable", 9)):
        assert (
            Study.of(change(config, f"datasets.imagenet.{path}", value), SCHEMA).store_slice(
                "imagenet"
            )
            == before
        )


def test_a_subset_that_a_table_shows_twice_is_run_once(config):
    twice = change(config, "outputs.table2.references", ["imagenet", "images-24", "scratch"])
    runs = Study.of(twice, SCHEMA).transfer_runs("table2")
    assert len(runs) == len(set(runs)) == 48


def test_moved_data_change_no_settings(config):
    moved = Study.of(change(config, "datasets.imagenet.root", "/elsewhere"), SCHEMA)
    assert moved.store_slice("imagenet") == Study.of(config, SCHEMA).store_slice("imagenet")


def test_every_slice_carries_its_stages_version(config):
    study = Study.of(config, SCHEMA)
    slices = {
        "render": study.render_slice("ilsvrc"),
        "store": study.store_slice("imagenet"),
        "label_set": study.label_set_slice("imagenet"),
        "manifest": study.manifest_slice("imagenet"),
        "given": study.given_slice("alexnet"),
        "classification": study.pretrain_slice("alexnet", "imagenet", 1),
        "detection": study.transfer_slice("pascal-det", "alexnet", 1),
        "action": study.transfer_slice("pascal-act", "alexnet", 1),
        "proposals": study.proposals_slice("voc2012-action"),
        "embedding": study.embedding_slice("alexnet"),
        "analysis": study.analysis_slice(),
        "reporting": study.reporting_slice(),
    }
    assert {stage: part["version"] for stage, part in slices.items()} == VERSIONS


def test_a_study_in_json_is_recorded_like_one_in_yaml(config):
    as_json = json.loads(json.dumps(config), object_pairs_hook=OrderedDict)
    assert yaml.safe_dump(plain(as_json), sort_keys=False) == yaml.safe_dump(
        plain(config), sort_keys=False
    )
    assert Study.of(as_json, SCHEMA).reporting_slice() == Study.of(config, SCHEMA).reporting_slice()


def test_results_of_another_study_are_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("study: paper\n")
    check_owner(tmp_path / "config.yaml", "paper")
    check_owner(tmp_path / "absent.yaml", "paper")
    with pytest.raises(UserError, match="the study 'paper', not of 'miniature'"):
        check_owner(tmp_path / "config.yaml", "miniature")


def test_class_lists_of_shipped_studies_exist():
    for path in STUDIES:
        name = read_config(ROOT / path)["classes"]
        assert Path(ROOT / "resources/classes" / f"{name}.txt").exists()
