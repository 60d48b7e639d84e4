"""Figure 5: the right images at the right places, marked as the frame says."""

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import texts
from matplotlib.colors import same_color

from imagenet_transfer.figures.neighbours import RELATIONS, draw_neighbours

DOG = "n02084071"
CAR = "n02958343"
SEEN = {  # whether the network was trained on the query's class
    ("fine", DOG): True,
    ("middle", DOG): False,
    ("coarse", DOG): False,
    ("fine", CAR): True,
    ("middle", CAR): True,
    ("coarse", CAR): False,
}
KINDS = ("fine", "coarse", "neither")
LAYOUT = {
    "subsets": ["fine", "middle", "coarse"],
    "n_classes": {"fine": 1000, "middle": 486, "coarse": 9},
    "names": {DOG: "golden_retriever.n.01", CAR: "pickup.n.01"},
}


def neighbours(count=3):
    """Return a frame, nearest rows last, whose relations take turns by rank and network."""
    rows = []
    for place, subset in enumerate(LAYOUT["subsets"]):
        for query in (DOG, CAR):
            for rank in reversed(range(count)):
                facts = {"subset": subset, "query_wnid": query, "query_image": f"{query}_q"}
                facts |= {"rank": rank + 1, "image": f"{subset}_{query}_{rank}", "wnid": query}
                facts |= {"relation": KINDS[(rank + place) % 3], "similarity": 0.5}
                rows.append(facts | {"seen": SEEN[subset, query]})
    return pd.DataFrame(rows)


def shade(name):
    """Return a plain picture whose grey tells the name."""
    return np.full((20, 30, 3), 10 + sum(map(ord, name)) % 200, np.uint8)


def borders(figure):
    return {patch.get_gid(): patch for patch in figure.axes[0].patches if patch.get_gid()}


def breaks(figure):
    lines = figure.axes[0].lines
    return [line.get_ydata()[0] for line in lines if line.get_gid() == "break"]


def test_each_neighbour_has_the_border_of_its_relation():
    found = borders(draw_neighbours(neighbours(), shade, LAYOUT))
    assert len(found) == 2 * 3 * 3 + 3  # and the key
    for row in neighbours().itertuples():
        border = found[f"{row.subset}/{row.query_wnid}/{row.rank}"]
        assert same_color(border.get_edgecolor(), RELATIONS[row.relation].colour)


def test_relations_differ_without_colour():
    found = borders(draw_neighbours(neighbours(), shade, LAYOUT))
    assert len({str(found[f"key/{kind}"].get_linestyle()) for kind in KINDS}) == 3
    assert len({relation.mark for relation in RELATIONS.values()}) == 3


def test_the_image_in_each_border_is_the_frames():
    figure = draw_neighbours(neighbours(), shade, LAYOUT)
    images = figure.axes[0].images
    shown = {tuple(np.round(image.get_extent(), 4)): image.get_array() for image in images}
    assert len(shown) == 2 * (1 + 9)
    found = borders(figure)
    for row in neighbours().itertuples():
        box = found[f"{row.subset}/{row.query_wnid}/{row.rank}"]
        x, y = box.get_xy()
        side = box.get_width()
        extent = tuple(np.round((x, x + side, y + side, y), 4))
        assert (shown[extent] == shade(row.image)[0, 0, 0]).all()


def test_neighbours_are_placed_by_rank_and_networks_in_the_layouts_order():
    found = borders(draw_neighbours(neighbours(), shade, LAYOUT))
    xs = [found[f"fine/{DOG}/{rank}"].get_x() for rank in (1, 2, 3)]
    subsets = LAYOUT["subsets"]
    ys = [found[f"{subset}/{query}/1"].get_y() for query in (DOG, CAR) for subset in subsets]
    assert xs == sorted(set(xs))
    assert ys == sorted(set(ys))


def test_a_dotted_line_shows_where_the_class_stops_being_a_label():
    figure = draw_neighbours(neighbours(), shade, LAYOUT)
    found = borders(figure)
    dog, car = breaks(figure)
    for y, query, above, below in ((dog, DOG, "fine", "middle"), (car, CAR, "middle", "coarse")):
        assert found[f"{above}/{query}/1"].get_y() < y < found[f"{below}/{query}/1"].get_y()


def test_queries_and_numbers_of_classes_are_printed():
    shown = texts(draw_neighbours(neighbours(), shade, LAYOUT))
    queries = [text for text in shown if "Query" in text]
    assert queries == ["Query: golden retriever", "Query: pickup"]
    numbers = [text for text in shown if text.endswith(" classes")]
    assert numbers == ["1000 classes", "486 classes", "9 classes"] * 2


def test_without_a_break_or_names_and_with_a_network_missing():
    frame = neighbours().query("subset == 'fine'")
    figure = draw_neighbours(frame, shade, {key: LAYOUT[key] for key in ("subsets", "n_classes")})
    assert not breaks(figure)
    assert f"Query: {DOG}" in texts(figure)
    assert len(borders(figure)) == 2 * 3 + 3


@pytest.mark.parametrize("count", [1, 8, 20])
def test_nothing_leaves_the_page(count):
    figure = draw_neighbours(neighbours(count), shade, LAYOUT)
    width, height = figure.get_size_inches()
    assert (width, height < 6) == (7, True)
    found = borders(figure).values()
    assert len(found) == 2 * 3 * count + 3
    for box in found:
        assert 0 <= box.get_x() < box.get_x() + box.get_width() <= width
        assert 0 <= box.get_y() < box.get_y() + box.get_height() <= height


def test_equal_input_gives_equal_bytes_whatever_the_users_settings(tmp_path):
    check_equal_bytes(lambda: draw_neighbours(neighbours(), shade, LAYOUT), tmp_path)
