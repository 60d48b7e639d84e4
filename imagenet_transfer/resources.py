"""Where the files of `resources/` are: taxonomy, class lists, the paper's numbers, rates, style."""

from pathlib import Path

_PLACES = (
    Path(__file__).parent / "_resources",  # in an installed wheel
    Path(__file__).parents[1] / "resources",  # in the repository
)
RESOURCES = next(place for place in _PLACES if (place / "taxonomy.csv").exists())
