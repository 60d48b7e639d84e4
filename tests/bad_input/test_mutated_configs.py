"""Configs with random changes: each is a study or gets a sentence, never another error."""

import copy
import random

from config_changes import SCHEMA, STUDIES, checked_sentences
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["scratch", "imagenet", "n02084071", "fc7", "../x", "1e-3", "a\n", "{arch}", "x" * 300]
    ),
    st.dates(),
    st.binary(max_size=4),
    st.lists(
        st.one_of(st.integers(-2, 300), st.sampled_from(["imagenet", "sun-cls", "n02084071"])),
        max_size=4,
    ),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def places_of(node, path=()):
    """Yield the place of every value in nested dictionaries and lists."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key)
            yield from places_of(value, (*path, key))


ALL = {path.name: (read_config(path), list(places_of(read_config(path)))) for path in STUDIES}


def mutate(config, place, how, value):
    """Return a copy of a config with the value at a place replaced, removed, or renamed."""
    config = copy.deepcopy(config)
    *parents, last = place
    around = config
    for key in parents:
        around = around[key]
    if how == "replace":
        around[last] = value
    elif how == "remove":
        del around[last]
    elif isinstance(around, list):
        around.append(value)
    else:
        around[value if value.__hash__ else str(value)] = around.pop(last)
    return config


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data())
def test_any_mutation_is_a_study_or_gets_a_sentence(data):
    name = data.draw(st.sampled_from(sorted(ALL)))
    config, places = ALL[name]
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(places))
        how = data.draw(st.sampled_from(["replace", "replace", "remove", "rename"]))
        value = data.draw(junk)
        try:
            config = mutate(config, place, how, value)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # the first change removed the place of the second
    try:
        study = Study.of(config, SCHEMA)
    except UserError as error:
        checked_sentences(str(error))
        return
    for output in study.outputs:
        study.output_layout(output), study.pretrain_runs(output), study.embeddings(output)
    for dataset in study.datasets:
        study.store_settings(dataset)
    study.reporting_settings()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from(STUDIES))
def test_a_damaged_file_is_a_study_or_gets_a_sentence(tmp_path_factory, seed, source):
    draw = random.Random(seed)
    text = bytearray(source.read_bytes())
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(text))
        length = draw.choice([0, 1, 1, 5, 200])
        text[at : at + length] = draw.choice(
            [b"", b"\t", b"{", b"]", b":", b"\xff", b"&a ", b"*a", b"\n", b"- ", b"|", b"0"]
        )
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_bytes(text)
    try:
        Study.of(read_config(path), SCHEMA)
    except UserError as error:
        checked_sentences(str(error))
