"""Claims of Table 3: without the target's classes, and on scenes."""

import pytest
from hand_results import cells, found, results

from imagenet_transfer.claims.findings import judge_all

MEANS = {"whole": 60.0, "removed": 59.0, "places": 50.0, "part": 55.0, "scratch": 40.0}
MEANS["published"] = 45.0
SIZES = {"whole": (1000, 1_281_167), "removed": (771, 990_000), "places": (205, 2_400_000)}
SUBSETS = {
    "removed": {"method": "exclusion"},
    "places": {"dataset": "places", "method": "categories"},
    "published": {"dataset": "", "method": "", "given": True},
}


def table3(*names):
    """Return a study with Table 3: `removed` leaves classes out, `places` has other images."""
    values = cells(names, "det", *(MEANS[name] for name in names))
    layout = {"builder": "transfer", "tasks": ["det"], "subsets": list(names)}
    return results(values, {"table3": layout}, sizes=SIZES, subsets=SUBSETS)


@pytest.mark.parametrize(
    "names", [("whole", "removed", "places"), ("whole", "part", "places", "removed")]
)
def test_without_the_targets_classes_and_on_scenes_wherever_they_stand(names):
    given = table3(*names, "scratch")
    (kept,) = found(given, "5a")
    assert "(removed, 990,000 of 1,281,167 images)" in kept.statement.text
    assert kept.effect.estimate == pytest.approx(19 - 0.9 * 20)
    (scenes,) = found(given, "5b")
    assert scenes.statement.text == "det: whole is better than places"
    assert (scenes.effect.estimate, scenes.verdict) == (pytest.approx(10.0), "holds")
    assert scenes.statement.note == "random start 40.0"


@pytest.mark.parametrize(
    ("names", "claims"),
    [
        (("whole", "part", "scratch"), set()),  # of neither kind
        (("whole", "removed", "scratch"), {"5a"}),
        (("whole", "places", "scratch"), {"5b"}),
        (("whole", "scratch"), set()),
        (("scratch",), set()),
        (("whole", "published", "scratch"), set()),  # of images that nobody knows
        (("published", "places", "scratch"), set()),
        (("whole", "published", "places", "scratch"), {"5b"}),
    ],
)
def test_what_table_3_does_not_show_is_not_judged(names, claims):
    assert {one.claim.name for one in judge_all(table3(*names))} - {"1a"} == claims
