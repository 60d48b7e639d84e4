"""Reading ahead: a thread loads the next items while the caller works."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any


def read_ahead(load: Callable[[Any], Any], items: Iterable[Any], ahead: int = 1) -> Iterator[Any]:
    """Yield load(item) for each item, in order; a thread loads up to `ahead` further ones.

    What `load` raises is raised here. If the caller stops early and closes this, no thread is left.
    """
    remaining = iter(items)
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="loader") as pool:

        def submit(number: int) -> None:
            waiting.extend(pool.submit(load, item) for item in islice(remaining, number))

        try:
            submit(1 + ahead)
            while waiting:
                yield waiting.popleft().result()
                submit(1)
        finally:
            pool.shutdown(cancel_futures=True)
