"""Records of runs, tables and resources that were damaged or edited: they get a sentence."""

import json
import os
import re
import shutil

import pytest
from damages import edited, folder_instead, pipe, raw
from helpers import refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.claims.comparison import RESOURCES, read_paper_numbers
from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.numbers import induction_frame
from imagenet_transfer.files import read_facts, read_table
from imagenet_transfer.labels.label_sets import read_label_set
from imagenet_transfer.labels.taxonomy import read_pascal_roots, read_taxonomy
from imagenet_transfer.reporting.tables import collect_runs, given_networks, subset_sizes
from imagenet_transfer.study.plan import read_rates

RECORD = {
    **{"stage": "transfer", "arch": "alexnet", "subset": "a", "task": "t", "rep": 1, "seed": 1},
    **{"fingerprint": "f", "wall_s": 1.0, "provenance": {"commit": "c"}},
    "metrics": [{"metric": "top1", "value": 50.0, "unit": "%"}],
}
RECORDS = [
    (raw(b""), "cannot be read"),
    (raw(b"{"), "cannot be read"),
    (raw(b"null"), "it lacks stage"),
    (raw(b"[]"), "it lacks stage"),
    (raw(b"\x80\x81"), "cannot be read"),
    (raw(b"[" * 100_000), "cannot be read"),
    (edited(metrics=...), "it lacks metrics"),
    (edited(provenance=..., arch=...), "it lacks arch, provenance"),
    (edited(metrics=None), "is no longer the record of a run"),
    (edited(metrics={"top1": 50}), "is no longer the record of a run"),
    (edited(metrics=[{"metric": "top1"}]), "is no longer the record of a run"),
    (
        edited(metrics=[{"metric": "top1", "value": "50", "unit": "%"}]),
        "is no longer the record of a run",
    ),
    (
        edited(metrics=[{"metric": "top1", "value": None, "unit": "%"}]),
        "is no longer the record of a run",
    ),
    (edited(metrics=[[1, 2, 3]]), "is no longer the record of a run"),
    (edited(provenance="here"), "is no longer the record of a run"),
    (edited(provenance=None), "is no longer the record of a run"),
    (folder_instead, "it is not a regular file"),
    (pipe, "it is not a regular file"),
    (os.unlink, "No such file"),
]


@pytest.mark.parametrize("damage, sentence", RECORDS, ids=range(len(RECORDS)))
def test_records_of_runs(tmp_path, damage, sentence):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(RECORD))
    assert list(collect_runs([path])["value"]) == [50.0]
    damage(path)
    refusal(
        lambda: collect_runs([path]), path, sentence, "delete it and run the same command again"
    )


def test_records_that_lack_what_is_asked_for(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(RECORD))
    refusal(lambda: subset_sizes([path]), path, "it lacks n_classes, n_images")
    path.write_text("{}")
    assert given_networks([path]) == {}


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"\xff\xfe", b'"' * 99, b"a\n1,2\n1,2,3\n"]
)
def test_tables_between_stages(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    refusal(
        lambda: read_table(path, ("subset", "value")),
        path,
        "delete it and run the same command again",
    )
    layout = {"subsets": ["a"], "baseline": "b", "networks": {"a": 1}}
    refusal(lambda: induction_frame(layout, [path], []), path)


# Resources


def test_resources_that_were_edited(tmp_path):
    for name in (
        "paper_numbers.csv",
        "paper_statements.csv",
        "taxonomy.csv",
        "pascal_roots.csv",
        "rates.csv",
    ):
        shutil.copy(RESOURCES / name, tmp_path)
    roots = tmp_path / "pascal_roots.csv"
    table = tmp_path / "taxonomy.csv"
    assert len(read_paper_numbers(tmp_path)) == len(read_paper_numbers())
    roots.write_text(re.sub(r"dog,n\d+", "dog,dog", roots.read_text()))
    refusal(lambda: read_pascal_roots(roots), roots, "'dog' is not a wnid")
    roots.write_text("object,wnid\ndog,n02084071\ndog,n02084071\n")
    refusal(lambda: read_pascal_roots(roots), roots, "has two rows for dog")
    table.write_text(table.read_text() + table.read_text().splitlines()[-1] + "\n")
    refusal(lambda: read_taxonomy(table), table, "has two rows for n")
    table.write_text("wnid,name,hypernyms\nn1,a,n2\nn2,b,n1\n")
    refusal(lambda: read_taxonomy(table), table, "form a circle")
    for name in ("paper_statements.csv", "paper_numbers.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
        refusal(lambda: read_paper_numbers(tmp_path), tmp_path / name, "it lacks the columns")
    for content, words in (
        (b"", "cannot be read"),
        (b"a,b\n", "lacks the columns"),
        (b"\xff", "cannot be read"),
    ):
        (tmp_path / "rates.csv").write_bytes(content)
        refusal(lambda: read_rates(tmp_path / "rates.csv"), tmp_path / "rates.csv", words)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=40), st.sampled_from(["", '{"a": ', "[", "a,b\n"]))
def test_rubbish_gets_a_sentence_or_is_read(tmp_path_factory, content, start):
    path = tmp_path_factory.getbasetemp() / "rubbish"
    path.write_bytes(start.encode() + content)
    for work in (
        lambda: read_facts(path, "a"),
        lambda: read_table(path),
        lambda: read_label_set(path),
        lambda: collect_runs([path]),
        lambda: read_taxonomy(path),
        lambda: read_pascal_roots(path),
        lambda: read_rates(path),
    ):
        try:
            work()
        except UserError as error:
            assert str(path) in str(error)
