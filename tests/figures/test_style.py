"""The look that figures share, and what saving them writes."""

import numpy as np

from imagenet_transfer.figures.chart_parts import stagger, unit_label
from imagenet_transfer.figures.style import SERIES, new_figure, save_figure, styled


def lightness(colour):
    """CIE L* of "#rrggbb"."""
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


def test_lines_differ_without_colour():
    assert len({look.mark for look in SERIES}) == len(SERIES)
    assert len({look.line for look in SERIES}) == len(SERIES)
    first = sorted(lightness(look.colour) for look in SERIES[:4])
    assert np.diff(first).min() >= 10


def test_saved_files_carry_neither_date_nor_version_and_nothing_else_is_left(tmp_path):
    save_figure(styled(new_figure)(), tmp_path / "a.png", tmp_path / "a.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert len(content) > 500
        assert not any(word in content for word in (b"matplotlib.org", b"Matplotlib v", b"dc:date"))


def test_labels_that_would_touch_take_other_rows():
    assert stagger({10: "10", 100: "100", 1000: "1,000"}, 1) == {10: 0, 100: 0, 1000: 0}
    close = {10: "10", 753: "753", 918: "918", 1000: "1,000"}
    assert stagger(close, 1) == {10: 0, 1000: 0, 918: 1, 753: 2}


def test_a_label_without_room_is_left_out():
    rows = stagger({x: str(x) for x in range(1000, 1006)}, 1)
    assert sorted(rows.values()) == [0, 1, 2]
    assert {1000, 1005} <= set(rows)


def test_axes_are_labelled_with_what_the_metric_is():
    found = [unit_label(metric) for metric in ("mAP", "AP/dog", "top1", "mean_per_class")]
    assert found == ["mAP (%)", "AP (%)", "accuracy (%)", "accuracy (%)"]
