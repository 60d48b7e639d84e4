"""Keys of the config as fields of dataclasses."""

from dataclasses import dataclass, fields

import jsonschema
import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.keys import (
    choice,
    flag,
    from_mapping,
    listed,
    schema_of,
    share,
    training_only,
    whole,
)
from imagenet_transfer.models import NETWORKS, network_class
from imagenet_transfer.models.region_configs import DetectorConfig, RStarConfig
from imagenet_transfer.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Tea:
    """Keys of every kind."""

    cups: int = whole("Cups.")
    sugar: float = share("Sugar ({default}).", 0.5)
    milk: bool = flag("With milk ({default}).", True)
    kind: str = choice("Kind.", "green", "black", default="black", training_only=True)
    times: tuple[float, ...] = listed("Minutes ({default}).", (3, 4.5), {"type": "number"})


SCHEMA = schema_of(Tea)


def test_the_schema_says_type_limits_and_defaults():
    assert SCHEMA["required"] == ["cups"]
    about = {name: entry["description"] for name, entry in SCHEMA["properties"].items()}
    assert about == {
        "cups": "Cups.",
        "sugar": "Sugar (0.5).",
        "milk": "With milk (true).",
        "kind": "Kind.",
        "times": "Minutes (3, 4.5).",
    }
    jsonschema.validate({"cups": 1, "times": [1]}, SCHEMA)


@pytest.mark.parametrize(
    "tea",
    [
        {},
        {"cups": 0},
        {"cups": 1, "sugar": 1.5},
        {"cups": 1, "milk": 1},
        {"cups": 1, "kind": "white"},
        {"cups": 1, "times": ["long"]},
        {"cups": 1, "lemon": True},
    ],
)
def test_the_schema_refuses(tea):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tea, SCHEMA)


def test_instances_have_defaults_and_cannot_be_changed():
    tea = from_mapping(Tea, {"cups": 2, "times": [1, 2]}, "The tea")
    assert (tea.sugar, tea.milk, tea.times) == (0.5, True, (1, 2))
    assert hash(tea) == hash(from_mapping(Tea, {"cups": 2, "times": [1, 2]}, "The tea"))
    with pytest.raises(AttributeError):
        tea.cups = 3


@pytest.mark.parametrize(
    "tea, sentence",
    [
        ({"cups": 1, "lemon": 1}, "The tea has the unknown key 'lemon'; the known ones: cups"),
        ({"sugar": 1}, "The tea lacks the key 'cups'"),
    ],
)
def test_wrong_keys_get_a_sentence(tea, sentence):
    with pytest.raises(UserError, match=sentence):
        from_mapping(Tea, tea, "The tea")


def test_some_keys_matter_for_training_only():
    assert training_only(Tea) == {"kind"}
    assert training_only(network_class("alexnet")) == {"dropout", "init"}


@pytest.mark.parametrize(
    "keys", [Recipe, DetectorConfig, RStarConfig, *map(network_class, NETWORKS)]
)
def test_every_key_of_the_config_is_described(keys):
    schema = schema_of(keys)
    own = [item.name for item in fields(keys) if item.name != "model"]
    assert set(schema["properties"]) == set(own)
    assert all(
        entry["description"].endswith((".", "...")) for entry in schema["properties"].values()
    )
