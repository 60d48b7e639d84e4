"""`python -m imagenet_transfer labels`: the paper's label sets, and mistakes as sentences."""

import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

from imagenet_transfer.commands.commands import COMMANDS, main, parser

PAPER = {  # Sections 4 and 5: rows and classes
    "bottom-up --depth 9": (1000, 486),
    "bottom-up --depth 3": (1000, 9),
    "top-down --round 1": (1000, 127),
    "exclusion --roots pascal": (771, 771),
    "minimal-split --depth 4 --half b": (478, 478),
    "random-split --size 522 --half a --seed 3": (522, 522),
}
WRONG = {
    "bottom-up": "Method bottom-up needs --depth.",
    "bottom-up --depth 99": "has the depth 99; its classes allow 0 to",
    "identity --classes nowhere.txt": "neither a list of the workflow",
    "identity --classes README.md": "is not a wnid",
    "identity --depth 3": "Method identity takes no key: leave out --depth.",
    "bottom-up --depth 3 --half a": "takes --depth: leave out --half.",
    "exclusion --roots n00001740": "keeps none of the classes",
}


@pytest.mark.parametrize("words", PAPER)
def test_label_sets_of_the_paper(words, capsys):
    assert main(["labels", *words.split()]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "wnid,label,class_wnid,class_name"
    assert (len(rows), len({row.split(",")[1] for row in rows})) == PAPER[words]


def test_a_list_of_ones_own(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("n02123394 Persian cat\nn02123597\nn04285008\n")
    words = ["bottom-up", "--depth", "11", "--classes", str(tmp_path / "mine.txt")]
    assert main(["labels", *words]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[0] for row in rows] == ["n02123394", "n02123597", "n04285008"]
    assert rows[0][1:] == rows[1][1:] != rows[2][1:]


@pytest.mark.parametrize("words", WRONG)
def test_mistakes_get_a_sentence(words, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["labels", *words.split()]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: ") and WRONG[words] in said.err
    assert "Traceback" not in said.err


def test_it_needs_neither_torch_nor_snakemake_and_survives_a_closed_pipe():
    code = (
        "import sys; from imagenet_transfer.commands.commands import main\n"
        "main(['labels', 'top-down', '--round', '1'])\n"
        "assert not {'torch', 'snakemake', 'matplotlib', 'scipy', 'nltk', 'yaml', 'PIL'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    command = f"{sys.executable} -m imagenet_transfer labels identity | head -2"
    said = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert len(said.stdout.splitlines()) == 2 and said.stderr == ""


def test_help_says_what_the_columns_are(capsys):
    with pytest.raises(SystemExit):
        main(["labels", "--help"])
    said = capsys.readouterr().out
    for column in ("wnid", "label", "class_wnid", "class_name"):
        assert re.search(rf"\b{column}, (a fine|the|what)", said), column


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples_and_all_options(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    examples = [line for line in said.splitlines() if line.startswith(f"{command} ")]
    assert examples
    for line in examples:  # argparse reads each
        parser().parse_args(shlex.split(line.partition("   ")[0].partition(" > ")[0]))
