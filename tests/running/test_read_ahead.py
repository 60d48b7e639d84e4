"""Reading ahead: order, errors, how far ahead, and that no thread is left."""

import contextlib
import threading
import time

import pytest

from imagenet_transfer.running.read_ahead import read_ahead


@pytest.mark.parametrize("ahead", [1, 2, 9])
def test_the_order_is_kept_and_errors_are_passed_on(ahead):
    assert list(read_ahead(lambda x: x * x, range(5), ahead)) == [0, 1, 4, 9, 16]
    assert list(read_ahead(abs, [], ahead)) == []
    found = []
    with pytest.raises(ZeroDivisionError):
        found.extend(read_ahead(lambda x: 1 / x, [1, 2, 0, 4], ahead))
    assert found == [1, 0.5]


def test_only_so_many_are_loaded_ahead():
    loaded = []
    values = read_ahead(lambda x: loaded.append(x) or x, range(100), ahead=3)
    for taken in range(4):
        assert next(values) == taken
        while len(loaded) < taken + 4:
            time.sleep(0.001)
        time.sleep(0.01)
        assert loaded == list(range(taken + 4))
    values.close()


def loaders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("loader")]


def test_an_early_stop_or_an_error_leaves_no_thread():
    before = loaders()
    with contextlib.closing(read_ahead(abs, range(1000), ahead=2)) as values:
        assert next(values) == 0
        assert loaders() != before
    assert loaders() == before
    with pytest.raises(ZeroDivisionError):
        list(read_ahead(lambda x: 1 / x, [0] * 1000, ahead=2))
    assert loaders() == before
