"""Examples with their boxes: where they are drawn, how they are told apart, and from which files."""

import itertools

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import artist, check_page, rendered, texts
from helpers import image_bytes, refusal
from matplotlib.colors import same_color
from PIL import Image

from imagenet_transfer.data.layouts.listing import CORNERS, make_listing
from imagenet_transfer.data.layouts.voc_action import ACTIONS
from imagenet_transfer.data.store import build_store
from imagenet_transfer.figures.builders import BUILDERS
from imagenet_transfer.figures.drawing import Material, draw_output
from imagenet_transfer.figures.examples import (
    LOOKS,
    SHAPE,
    Block,
    draw_examples,
    window_around,
)
from imagenet_transfer.figures.examples_numbers import COLUMNS, SORTS
from imagenet_transfer.figures.style import TWO_COLUMNS
from imagenet_transfer.files import sha256_of, write_csv, write_json
from imagenet_transfer.running.provenance import digests_of

BOX = (11, 21, 50, 50)  # of a picture of 160 x 120
OTHER_BOX = (101, 71, 140, 100)
LONG = "a-name-of-a-subset-or-a-class-that-fits-nowhere-at-all-" * 2


def example(sort, rank, name="dog", note="", score=0.9):
    score = np.nan if sort == "missed" else score
    return (sort, rank, f"{sort}{rank}", name, score, *BOX, note, 0.5)


def block(*rows, subset="imagenet", marks=(), problem=""):
    chosen = pd.DataFrame(rows, columns=COLUMNS)
    drawn = [(row[0], row[2], *row[5:9]) for row in rows] + list(marks)
    frame = pd.DataFrame(drawn, columns=["sort", "image", *CORNERS])
    return Block(subset, "replicate 1, mAP 12.3, scores from 0.50", chosen, frame, problem)


def full_block(subset="imagenet", name="dog", note="overlaps dog", number=3):
    rows = itertools.product(SORTS["detection"], range(1, number + 1))
    return block(*(example(*row, name, note) for row in rows), subset=subset)


def shade(name):
    """Return a plain picture whose grey tells the name."""
    return np.full((120, 160, 3), 10 + sum(map(ord, name)) % 200, np.uint8)


def drawn(*blocks, kind="detection", count=6):
    return draw_examples(blocks, shade, kind, count)


def boxes(figure):
    patches = figure.axes[0].patches
    return {patch.get_gid(): patch for patch in patches if patch.get_gid()}


def pictures(figure):
    """Return (left, right, top, bottom) of each picture in inches."""
    extents = (image.get_extent() for image in figure.axes[0].images)
    return [(left, right, top, bottom) for left, right, bottom, top in extents]


@pytest.mark.parametrize("kind", SORTS)
def test_each_example_has_a_thick_box_that_tells_what_it_is(kind):
    rows = [example(sort, rank) for sort in SORTS[kind] for rank in (1, 2)]
    found = boxes(drawn(block(*rows), kind=kind))
    names = {f"imagenet/{row[0]}/{row[1]}" for row in rows} | {f"key/{s}" for s in SORTS[kind]}
    assert set(found) == names
    for name, patch in found.items():
        look = LOOKS[name.split("/")[1]]
        assert same_color(patch.get_edgecolor(), look.colour)
    assert len({str(found[f"key/{sort}"].get_linestyle()) for sort in SORTS[kind]}) == len(
        SORTS[kind]
    )


def test_sorts_differ_without_colour():
    assert len({LOOKS[sort].line for sort in SORTS["detection"]}) == 3
    assert LOOKS["right"].line == "-"


def test_a_box_lies_on_its_object():
    picture = shade("").copy()
    picture[20:50, 10:50] = 250  # BOX, whose ends are included
    figure = draw_examples([block(example("right", 1))], lambda _: picture, "detection", 6)
    (image,) = figure.axes[0].images
    ((left, right, top, bottom),) = pictures(figure)
    pixels = image.get_array()[..., 0]
    bright = np.argwhere(pixels > 200)
    rows, columns = bright.min(0), bright.max(0) + 1
    high, wide = pixels.shape
    x = left + np.array([rows[1], columns[1]]) * (right - left) / wide
    y = top + np.array([rows[0], columns[0]]) * (bottom - top) / high
    box = artist(figure, "imagenet/right/1")
    slack = 1.5 * (right - left) / wide  # pixels of the figure's picture
    assert (box.get_x(), box.get_x() + box.get_width()) == pytest.approx(x, abs=slack)
    assert (box.get_y(), box.get_y() + box.get_height()) == pytest.approx(y, abs=slack)


def test_other_boxes_of_a_picture_are_thin_and_true_ones_white():
    marks = [("true", "right1", *BOX), ("false", "right1", *OTHER_BOX), ("false", "else", *BOX)]
    figure = drawn(block(example("right", 1), marks=marks))
    patches = [patch for patch in figure.axes[0].patches if not patch.get_gid()]
    thick = artist(figure, "imagenet/right/1").get_linewidth()
    false = [patch for patch in patches if same_color(patch.get_edgecolor(), LOOKS["false"].colour)]
    assert [patch.get_linewidth() < thick for patch in false] == [True]
    white = [patch for patch in patches if same_color(patch.get_edgecolor(), "white")]
    assert min(patch.get_linewidth() for patch in white) < thick


def test_what_lies_outside_of_a_picture_is_cut_off():
    figure = rendered(drawn(block(example("right", 1), marks=[("false", "right1", *OTHER_BOX)])))
    ((left, right, top, bottom),) = pictures(figure)
    (false,) = (
        patch
        for patch in figure.axes[0].patches
        if same_color(patch.get_edgecolor(), LOOKS["false"].colour) and not patch.get_gid()
    )
    assert false.get_x() + false.get_width() > right + 0.1  # OTHER_BOX is partly outside
    seen = false.get_clip_box().transformed(figure.axes[0].transData.inverted())
    assert seen.intervalx == pytest.approx((left, right), abs=0.02)
    assert sorted(seen.intervaly) == pytest.approx((top, bottom), abs=0.02)


def test_a_picture_is_twice_as_large_as_its_box_where_the_image_allows():
    assert window_around((101, 101, 180, 160), 400, 300) == (60, 70, 220, 190)
    left, top, right, bottom = window_around((1, 1, 80, 60), 500, 375)
    assert (left, top) == (0, 0)
    assert (right - left) / (bottom - top) == pytest.approx(SHAPE, rel=0.02)
    assert window_around((1, 1, 500, 375), 500, 375) == (0, 0, 500, 375)
    left, _, right, _ = window_around((250, 200, 251, 201), 500, 375)  # a dot
    assert right - left == round(500 / 3)


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (40, 30), (2000, 60), (7, 300), (1, 1)])
def test_every_box_is_in_its_picture_and_the_picture_in_its_image(size):
    random = np.random.default_rng(1)
    for _ in range(50):
        corners = np.sort(random.uniform(0, 1, (2, 2)), axis=0) * size
        box = (
            *(np.floor(corners[0]) + 1),
            *np.maximum(np.ceil(corners[1]), np.floor(corners[0]) + 1),
        )
        left, top, right, bottom = window_around(box, *size)
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert left <= box[0] - 0.5
        assert top <= box[1] - 0.5
        assert right >= box[2] - 0.5
        assert bottom >= box[3] - 0.5


@pytest.mark.parametrize("count", [1, 4, 6, 9])
def test_words_cover_neither_each_other_nor_pictures(count):
    blocks = (full_block(LONG, LONG, LONG, count), full_block("scratch", "cat", number=count))
    figure = rendered(drawn(*blocks, count=count))
    check_page(figure, slack=1)
    renderer = figure.canvas.get_renderer()
    words = [text.get_window_extent(renderer) for text in figure.axes[0].texts if text.get_text()]
    assert len(words) > 6 * count
    assert not any(one.overlaps(other) for one, other in itertools.combinations(words, 2))
    images = [image.get_window_extent(renderer) for image in figure.axes[0].images]
    assert len(images) == 6 * count
    assert not any(image.overlaps(word) for image in images for word in words)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(images, 2))


def test_pictures_of_any_shape_stay_in_their_places():
    shapes = itertools.cycle([(300, 40, 3), (40, 300, 3), (1, 1, 3)])
    figure = draw_examples(
        [full_block()], lambda _: np.zeros(next(shapes), np.uint8), "detection", 6
    )
    assert all(right - left < TWO_COLUMNS / 6 for left, right, _, _ in pictures(figure))


def test_a_sort_without_examples_says_so():
    figure = drawn(block(example("missed", 1)))
    shown = texts(figure)
    assert shown.count("none") == 2  # right and false
    assert "largest objects" in shown
    assert len(figure.axes[0].images) == 1
    check_page(rendered(drawn(block())))


def test_a_network_without_boxes_says_what_to_do():
    problem = "results/" + "long/" * 60 + "images.csv.gz lacks boxes: snakemake --force it"
    figure = rendered(drawn(full_block(), block(subset="scratch", problem=problem)))
    check_page(figure)
    said = " ".join(text.replace("\n", "") for text in texts(figure))
    assert problem.replace(" ", "") in said.replace(" ", "")
    assert len(figure.axes[0].images) == 9


def test_equal_input_gives_equal_bytes_whatever_the_users_settings(tmp_path):
    check_equal_bytes(lambda: drawn(full_block(number=1)), tmp_path)


# From files


DOG = (1, 1, 40, 40)
CAT = (61, 51, 120, 100)
OBJECTS = [  # image, number, class, box, difficult
    ("a", 1, "dog", *DOG, 0),
    ("a", 2, "cat", *CAT, 0),
    ("b", 1, "dog", *DOG, 0),
    ("c", 1, "rare thing", *CAT, 0),
    ("d", 1, "dog", *DOG, 1),
    ("t", 1, "dog", *DOG, 0),
]
FOUND = [  # image, class, score, outcome, box
    ("a", "dog", 0.9, 1, *DOG),
    ("a", "cat", 0.8, 1, *CAT),
    ("c", "dog", 0.85, 0, *CAT),
    ("d", "dog", 0.7, -1, *DOG),
]
SETTINGS = {"version": 1, "seed": 3}
DETECTION = {"builder": "examples", "kind": "detection", "task": "det", "images": 6}


class Study:
    """A store and the runs of two networks on it."""

    def __init__(self, folder, objects=OBJECTS, more=(), tables=None):
        self.folder = folder
        rows = [("trainval", "t", "", "t.png")]
        rows += [("test", name, "", f"{name}.png") for name in "abcd"]
        if more:
            rows = [("train" if row[0] == "trainval" else "val", *row[1:]) for row in rows]
        for _, name, _, path in rows:
            picture = Image.fromarray(np.full((100, 120, 3), ord(name), np.uint8))
            (folder / path).write_bytes(image_bytes(picture, "PNG"))
        listing = make_listing(rows, ["cat", "dog", "rare thing"], objects, more)
        options = {"codec": "original"}
        build_store(listing, folder, folder / "store", options, workers=1, progress=False)
        self.runs = {}
        for subset, table in (tables or {"whole": FOUND, "scratch": FOUND[:0]}).items():
            self.runs[subset] = folder / subset
            self.write(
                subset,
                pd.DataFrame(table, columns=["image", "class", "score", "outcome", *CORNERS]),
            )

    def write(self, subset, table):
        run = self.runs[subset]
        write_csv(run / "images.csv.gz", table)
        names = {"stage": "transfer", "arch": "alexnet", "subset": subset, "task": "det", "rep": 1}
        record = {
            **names,
            "settings": SETTINGS,
            "inputs": {"weights": None},
            "metrics": [{"metric": "mAP", "value": 45.67, "unit": "%"}],
            "images": sha256_of(run / "images.csv.gz"),
        }
        write_json(run / "metrics.json", record)

    def draw(self, **layout):
        """Draw the figure; return the frame of its CSV and what its text says."""
        files = {
            "metrics": [str(run / "metrics.json") for run in self.runs.values()],
            "tested": [str(run / "images.csv.gz") for run in self.runs.values()],
            "networks": [],
            "task_store": str(self.folder / "store/meta.json"),
        }
        layout = DETECTION | {"subsets": list(self.runs), "metrics": {"det": "mAP"}} | layout
        entry = {"settings": digests_of(SETTINGS), "origin": "", "inputs": {}, "files": {}}
        expected = {
            "runs": dict.fromkeys(files["metrics"], entry),
            "manifests": {},
            "label_sets": {},
        }
        material = Material(layout, files, {}, 1)
        outputs = {key: self.folder / f"out.{key}" for key in ("csv", "png", "svg")}
        draw_output(material, expected, outputs)
        builder = BUILDERS["examples"]
        frame = pd.read_csv(outputs["csv"], keep_default_na=False)
        return frame, builder.draw(material, *builder.frames(material))


def test_runs_are_shown_from_their_files(tmp_path):
    frame, figure = Study(tmp_path).draw()
    columns = ["subset", "sort", "rank", "image", "class"]
    assert frame[columns].values.tolist() == [
        ["whole", "right", 1, "a", "dog"],
        ["whole", "false", 1, "c", "dog"],
        ["whole", "missed", 1, "c", "rare thing"],
        ["whole", "missed", 2, "b", "dog"],
        ["scratch", "missed", 1, "a", "cat"],  # which detects nothing
        ["scratch", "missed", 2, "c", "rare thing"],
        ["scratch", "missed", 3, "b", "dog"],
    ]
    assert set(frame[frame["subset"] == "whole"]["threshold"]) == {0.8}
    shown = texts(figure)
    assert "dog 0.90" in shown
    assert "taken for dog" in shown
    assert "replicate 1, mAP 45.7, scores from 0.80" in shown
    values = [int(image.get_array()[0, 0, 0]) for image in figure.axes[0].images]
    assert values == [ord(name) for name in "accbacb"]  # each picture is that of its row


def test_a_run_from_before_boxes_says_what_to_run_and_the_other_is_shown(tmp_path, capsys):
    study = Study(tmp_path)
    old = pd.DataFrame(FOUND).iloc[:, :4].set_axis(["image", "class", "score", "outcome"], axis=1)
    study.write("scratch", old)
    frame, figure = study.draw()
    assert set(frame["subset"]) == {"whole"}
    command = f"snakemake --force {tmp_path / 'scratch/metrics.json'}"
    assert command in capsys.readouterr().err
    said = " ".join(texts(figure))
    assert command.replace(" ", "") in "".join(said.split())
    study.write("whole", old)
    frame, figure = study.draw()
    assert len(frame) == 0
    assert list(frame.columns) == ["subset", *COLUMNS]


def test_a_file_of_another_run_is_refused(tmp_path):
    study = Study(tmp_path)
    path = tmp_path / "whole/images.csv.gz"
    write_csv(
        path, pd.DataFrame(FOUND[:2], columns=["image", "class", "score", "outcome", *CORNERS])
    )
    said = refusal(study.draw, str(path))
    assert "is not of the run that" in said
    assert not (tmp_path / "out.png").exists()


def test_people_are_shown_with_what_they_do(tmp_path):
    labels = {"a": "running", "b": "walking", "c": "reading", "d": "running", "t": "running"}
    people = [
        (name, 1, "person", *DOG, 0, *(1 if action == does else -1 for action in ACTIONS))
        for name, does in labels.items()
    ]
    study = Study(tmp_path, people, ACTIONS)
    scores = {
        "a": {"running": 0.9},
        "b": {"running": 0.8},
        "c": {"reading": 0.7},
        "d": {"jumping": 0.4},
    }
    table = pd.DataFrame(
        [
            (name, 1, *(said.get(action, 0.05) for action in ACTIONS))
            for name, said in scores.items()
        ],
        columns=["image", "person", *ACTIONS],
    )
    study.write("whole", table)
    study.write("scratch", table[::-1])
    frame, figure = study.draw(kind="action", subsets=["whole", "scratch"])
    whole, scratch = (frame[frame["subset"] == name].iloc[:, 1:] for name in study.runs)
    assert whole.values.tolist() == scratch.values.tolist()
    assert whole[["sort", "image", "class", "note"]].values.tolist() == [
        ["right", "a", "running", ""],
        ["right", "c", "reading", ""],
        ["wrong", "b", "running", "true: walking"],
        ["wrong", "d", "jumping", "true: running"],
    ]
    shown = texts(figure)
    assert "true: walking" in shown
    assert "missed" not in shown
