"""The pages: commands are run, dry-run or checked, numbers are the code's, links lead somewhere."""

import re
import subprocess
import tomllib

import pages
import pytest
import yaml
from conftest import ROOT
from pages import PAGES, commands, jobs_of, problem_of, read, snakemake, words_of
from snakemake.cli import get_argument_parser

from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study

NOT_RUN = {  # programs, with the reason
    "pip": "downloads gigabytes, or needs a network",
    "apt-get": "needs root and a network",
    "rsync": "needs a second machine",
    "podman": "downloads images; tests/docs/test_environments.py",
    "apptainer": "downloads images",
    "conda": "needs a network",
    "snakedeploy": "needs conda",
    "ln": "links a data set that is not here",
}
RUN = ("grep", "mkdir")
EXAMPLES = ("cp", "sed", "printf")  # run by test_examples.py
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
ROWS = {  # of README's table of times: the study and its outputs (None: all)
    "`make table2`": ("config.yaml", ["table2"]),
    "`make all`": ("config.yaml", None),
    "[Tiny ImageNet]": ("configs/tiny-imagenet.yaml", None),
    "[the paper]": ("configs/paper.yaml", None),
}
WRONG = {  # commands with a mistake each, and what is said of it
    "make tabel2": "No rule to make target",
    "make plan CONFIG=configs/paper.yaml tabels": "No rule to make target",
    "snakemake --drectory runs": "unrecognized arguments: --drectory",
    "snakemake --configfile configs/papers.yaml": "configs/papers.yaml does not exist",
    "snakemake --workflow-profile profiles/slrum": "profiles/slrum does not exist",
    "python docs/fill.py": "docs/fill.py does not exist",
    "python benchmarks/rehearsal.py --images 9 --stage data": "rehearsal.py has no --stage",
    ".venv/bin/python -m pytest tests/label": "tests/label does not exist",
    "PYTHONPATH=tests .venv/bin/python tests/test_golden.py": "tests/test_golden.py does not exist",
    "smakemake -n": "smakemake is unknown",
    "python -m nltk_downloader wordnet": "there is no module nltk_downloader",
}


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    return pages.copy_of_code(tmp_path_factory.mktemp("pages") / "code")


@pytest.fixture(scope="module")
def listed(code):
    """The jobs that dry runs list, {row of README: {rule: jobs}}.

    For `make all`, also those of the targets that the pages name with the default study.
    """
    return {
        "`make table2`": dry_run(code, "config.yaml", "results/table2.csv", "results/table2.md"),
        "`make all`": dry_run(code, "config.yaml", "all", *targets_on_pages("config.yaml")),
        "[Tiny ImageNet]": dry_run(code, "configs/tiny-imagenet.yaml"),
        "[the paper]": dry_run(code, "configs/paper.yaml"),
    }


def dry_run(code, config, *targets):
    where = ["--directory", f"runs/{config.replace('/', '-')}", "--configfile", config]
    return jobs_of(snakemake(code, "--dry-run", *targets, *where))


def targets_on_pages(config):
    """Return the targets that the pages' commands name with a config."""
    targets = set()
    for command in (command for page in PAGES for command in commands(page)):
        if words_of(command)[0] == "snakemake":
            options = get_argument_parser().parse_args(words_of(command)[1:])
            files = [str(path) for path in options.configfile or ["config.yaml"]]
            targets |= set(options.targets) if files == [config] else set()
    return sorted(targets)


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_commands_name_only_what_exists(page, code):
    written = re.compile("|".join({"mine.yaml", *re.findall(r"as `(\w+\.yaml)`", read(page))}))
    for command in commands(page):
        name = words_of(command)[0]
        if name in RUN:
            subprocess.run(["bash", "-ec", command], cwd=code, check=True, capture_output=True)
        elif name not in (*NOT_RUN, *EXAMPLES):
            assert problem_of(written.sub("config.yaml", command)) == "", command


@pytest.mark.parametrize("command", WRONG)
def test_a_mistake_in_a_command_is_found(command):
    assert WRONG[command] in problem_of(command)


def test_a_target_that_no_rule_makes_is_found(code):
    with pytest.raises(AssertionError, match="MissingRuleException"):
        snakemake(code, "--dry-run", "results/tabel2.csv")


def test_most_pages_have_commands():
    assert len(targets_on_pages("config.yaml")) > 5 < len(targets_on_pages("mine.yaml"))
    without = {page for page in PAGES if not commands(page)}
    assert without == {"docs/config.md", "docs/statistics.md"}


def test_targets_of_the_paper_exist(code):
    targets = targets_on_pages("configs/paper.yaml")
    assert set(targets) == {"check", "label_sets", "stores", "unpack_ilsvrc"}
    assert dry_run(code, "configs/paper.yaml", *targets)["pack_store"] == 5


@pytest.mark.parametrize("row", ROWS)
def test_readme_counts_networks_runs_and_jobs(row, listed):
    config, outputs = ROWS[row]
    study = Study.of(read_config(ROOT / config), SCHEMA)
    outputs = outputs or list(study.outputs)
    networks = {run for output in outputs for run in study.pretrain_runs(output)}
    runs = {run for output in outputs for run in study.transfer_runs(output)}
    (line,) = [line for line in read("README.md").split("\n") if line.startswith(f"| {row}")]
    stated = [int(cell) for cell in line.split(" | ")[2:5]]
    extra = (
        "check",
        "verify",
        "repair",
        "stores",
        "label_sets",
        "unpack_ilsvrc",
        *("paper_tables", "write_latex_table", "write_latex_study"),
    )  # targets on pages
    jobs = sum(
        number
        for rule, number in listed[row].items()
        if rule not in extra and not rule.endswith("_pdf")
    )
    assert stated == [len(networks), len(runs), jobs]


def test_readme_is_short_and_shows_what_a_run_gave():
    text = read("README.md")
    assert len(text.splitlines()) <= 130
    assert "| more classes |" in text.partition("<!-- table2 -->")[2].partition("<!-- end -->")[0]
    assert (ROOT / "docs/miniature.png").stat().st_size < 300_000


def test_pages_agree_on_the_verdicts():
    of_readme = re.findall(
        r"^\| (?:of 52|after Holm).*?\| (\d+) \| (\d+) \| (\d+) \|$", read("README.md"), re.M
    )
    seed = read_config(ROOT / "config.yaml")["seed"]
    row = re.search(
        rf"^\| {seed} \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", read("docs/statistics.md"), re.M
    )
    own, holm = ([int(number) for number in numbers] for numbers in of_readme)
    assert [*own, holm[0] + holm[1]] == [int(number) for number in row.groups()]
    assert sum(own) == sum(holm) == 52


def test_times_have_one_home():
    for name in ("config.yaml", *(f"configs/{path.name}" for path in ROOT.glob("configs/*.yaml"))):
        assert not re.search(
            r"\b(\d+|two|five|ten|seventeen) (s|min|minutes|hours?)\b", read(name)
        ), name
    elsewhere = [
        page for page in PAGES if page != "README.md" and re.search(r"\d min\b", read(page))
    ]
    assert elsewhere == []


def test_the_tree_in_readme_is_the_repository():
    (tree,) = [
        block.text for block in pages.blocks("README.md") if block.text.startswith("config.yaml,")
    ]
    rooms = {path.parent.name for path in ROOT.glob("imagenet_transfer/*/__init__.py")}
    named = set(re.findall(r"(\w+)/", "\n".join(line[:25] for line in tree.split("\n"))))
    assert rooms <= named
    known = {path.name for path in (*ROOT.iterdir(), *ROOT.glob("imagenet_transfer/*"))}
    assert named - {"results"} <= known


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert pages.broken_links(page, read(page)) == []
    assert pages.broken_links(page, "[a](docs/no.md) [b](#no-heading)") == [
        "docs/no.md#",
        "#no-heading",
    ]


def test_the_first_command_says_what_it_installs(tmp_path):
    said = subprocess.run(
        ["make", "--dry-run", "table2", "READY=absent"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    first, install = said.index("about 6 GB"), said.index("pip install --editable .")
    assert first < install
    assert "[test]" not in said


def test_make_help_lists_every_target():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    (phony,) = re.findall(r"^\.PHONY: (.*)$", read("Makefile"), re.M)
    assert re.findall(r"^make (\S+) +\S", said, re.M) == phony.split()


def test_the_conda_environment_has_the_ranges_of_pyproject():
    declared = tomllib.loads(read("pyproject.toml"))["project"]
    project = [*declared["dependencies"], *declared["optional-dependencies"]["parquet"]]
    *conda, pip = yaml.safe_load(read("envs/workflow.yaml"))["dependencies"]
    lines = [line.replace("matplotlib-base", "matplotlib") for line in (*conda, *pip["pip"])]
    jobs_need = [line for line in project if not line.startswith(("snakemake", "pygments"))]
    assert {line.replace(" ", "") for line in lines} == {*jobs_need, "python>=3.11", "pip"}
