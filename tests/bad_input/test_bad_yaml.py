"""Broken YAML, YAML that is read as something unexpected, and what `snakemake` says about both."""

import os
import re
import subprocess
import sys
import time

import pytest
import yaml
from config_changes import (
    CONFIG,
    ENTRY,
    STUDIES,
    changed,
    checked_sentences,
    complaint_about,
)
from conftest import ROOT

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import check_owner, read_config


def laughs(levels, width):
    lines = [f"a0: &a0 [{', '.join(['ha'] * width)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


YAML = [
    (b"", "should hold the keys of a study, but holds nothing"),
    (b"# only a comment\n", "but holds nothing"),
    (b"- a\n- b\n", "but holds list"),
    (b"miniature\n", "but holds str"),
    (b"5\n", "but holds int"),
    (b"study: a\n---\nstudy: b\n", "line 2, cannot be read as YAML: expected a single document"),
    (b"study:\n\tseed: 1\n", "line 2, cannot be read as YAML"),
    (b"study: a\n\tseed: 1\n", "indent with spaces, not with tabs"),
    (b"study: [a\n", "line 2, cannot be read as YAML"),
    (b"study: {a: b\n", "cannot be read as YAML"),
    (b"study: 'a\n", "cannot be read as YAML"),
    (b"study: a\n seed: 1\n", "line 2, cannot be read as YAML"),
    (b"study a\nseed: 1\n", "cannot be read as YAML"),
    (b"study: @a\n", "cannot be read as YAML"),
    (b"study: *a\n", "found undefined alias"),
    (b"study: a\nseed: 1\nseed: 2\n", "line 3: the key 'seed' appears twice; remove one"),
    (b"datasets:\n  a: {root: x, root: y}\n", "line 2: the key 'root' appears twice"),
    (b"seed: 0127\n", "line 1: YAML reads 0127 as the number 87; write it as a plain decimal"),
    (b"seed: 0x10\n", "YAML reads 0x10 as the number 16"),
    (b"seed: 1:30\n", "YAML reads 1:30 as the number 90"),
    (b"lr: 1:30.5\n", "YAML reads 1:30.5 as the number 90.5"),
    (b"study: 2016-11-23\n", "YAML reads 2016-11-23 as a date; put it in quotes"),
    (b"study: 2016-13-45\n", "YAML reads 2016-13-45 as a date; put it in quotes"),
    (b"seed: " + b"9" * 5000 + b"\n", "Exceeds the limit"),
    (b"study: &a [*a]\n", "line 1: the anchor there contains itself"),
    (b"study: &a {b: *a}\n", "the anchor there contains itself"),
    (b"study: " + b"[" * 600 + b"]" * 600 + b"\n", "its brackets are nested too deeply"),
    (b"study: " + b"[" * 60 + b"]" * 60 + b"\n", "more than 40 levels are nested"),
    (laughs(9, 9).encode(), "its aliases (*name) stand for over 100,000 values"),
    (laughs(60, 2).encode(), "its aliases (*name) stand for over 100,000 values"),
    (b"? [a, b]\n: c\n", "unhashable key"),
    (
        b"study: !!python/object/apply:os.system ['touch PWNED']\n",
        "could not determine a constructor",
    ),
    (b"study: !!python/name:os.system\n", "could not determine a constructor"),
    (b"study: !!python/object/new:type [x]\n", "could not determine a constructor"),
    (b"study: !secret x\n", "could not determine a constructor"),
    (b"%YAML 9.9\n---\nstudy: a\n", "cannot be read as YAML"),
    (b"study: \xe9t\xe9\n", "it is not UTF-8 text"),
    (bytes(range(256)), "it is not UTF-8 text"),
    (b"study: a\x00b\n", "is it a text file?"),
    (b"\x1f\x8b\x08\x00" * 9, "it is not UTF-8 text"),
    (b"a: b\n" * 300_000, "it has more than 1,048,576 bytes"),
    (b"seed: !!int abc\n", "cannot be read as YAML"),
    (b"seed: !!float abc\n", "cannot be read as YAML"),
    (b"seed: !!bool abc\n", "cannot be read as YAML"),
    (b"seed: !!timestamp abc\n", "YAML reads abc as a date"),
    (b"<<: a\n", "cannot be read as YAML"),
]


@pytest.mark.parametrize("content, sentence", YAML, ids=range(len(YAML)))
def test_yaml(tmp_path, monkeypatch, content, sentence):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    started = time.monotonic()
    with pytest.raises(UserError, match=re.escape(str(path))) as caught:
        read_config(path)
    assert sentence in checked_sentences(str(caught.value))
    assert time.monotonic() - started < 30
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("seed: !!binary aGVsbG8=\n", "seed is b'hello', but should be a whole number"),
        ("datasets: !!set {a, b}\n", "but should be keys with values"),
        ("datasets: !!omap [a: b]\n", "but should be keys with values"),
        ("datasets: !!pairs [a: b]\n", "but should be keys with values"),
        ("seed: .nan\n", "seed is nan, but should be a whole number"),
        ("seed: -.inf\n", "seed is -inf, but should be a whole number"),
        ("seed: 1e3\n", "seed is '1e3', but should be a whole number (YAML reads 1e-3 as text"),
        ("seed: 08\n", "seed is '08', but should be a whole number"),
        ("seed: ~\n", "seed is empty, but should be a whole number"),
        ("study: on\n", "study is True, but should be text (put it in quotes)"),
        ("study: !!str\n", "study is ''"),
        ("no: 1\n", "the top level has the unknown key 'False'"),
        ("1: 1\n", "the top level has the unknown key '1'"),
        ("__use_yte__: true\n", "the top level has the unknown key '__use_yte__'"),
        ("subsets: {<<: [{a: 1}], b: 2}\n", "subsets.a is 1, but should be keys with values"),
    ],
)
def test_what_yaml_reads_as_something_else(tmp_path, content, sentence):
    path = tmp_path / "study.yaml"
    path.write_text(content)
    assert sentence in complaint_about(read_config(path))


def test_configs_that_are_not_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, sentence in {
        "none.yaml": "No such file",
        "": "not a regular file",
        "pipe": "not a regular file",
    }.items():
        with pytest.raises(UserError, match="cannot be read") as caught:
            read_config(tmp_path / name)
        assert sentence in checked_sentences(str(caught.value))


def test_aliases_are_fine_where_they_stay_small(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, "subsets": dict.fromkeys(CONFIG["subsets"], ENTRY)}))
    assert "*id001" in path.read_text()
    assert read_config(path)["subsets"]["images-24"] == ENTRY


def test_a_damaged_record_of_the_study_is_named(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\x00\x01")
    with pytest.raises(UserError, match=r"config\.yaml"):
        check_owner(tmp_path / "config.yaml", "miniature")


# What a user reads


def dry_run(tmp_path, config, *words):
    """Return what `snakemake -n` says about a bad config."""
    path = tmp_path / "study.yaml"
    path.write_bytes(config)
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "--snakefile",
        ROOT / "Snakefile",
        "--directory",
        tmp_path,
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    options = {
        "cwd": tmp_path,
        "env": environment,
        "capture_output": True,
        "text": True,
        "timeout": 60,
    }
    done = subprocess.run([*command, "--configfile", path, *words], **options)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in said
    return said


def yaml_bytes(path, value):
    return yaml.safe_dump(changed(path, value), sort_keys=False, allow_unicode=True).encode()


@pytest.mark.parametrize(
    "config, words, sentence",
    [
        (yaml_bytes("classes", "none.txt"), (), "classes is 'none.txt', which is neither a list"),
        (
            STUDIES[0].read_bytes().replace(b"seed: 2016", b"seed: 0127"),
            (),
            "YAML reads 0127 as the number 87",
        ),
        (b"study: a\n" + laughs(9, 9).encode(), (), "stand for over 100,000 values"),
        (
            STUDIES[0].read_bytes(),
            ("--config", "seed=nan", "tasks=[1"),
            "seed is nan, but should be a whole number",
        ),
    ],
    ids=["class-list", "octal", "laughs", "override"],
)
def test_snakemake_shows_the_sentence(tmp_path, config, words, sentence):
    assert sentence in dry_run(tmp_path, config, *words)
