"""Locked environments and containers: complete, within the ranges, made of files that exist."""

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import tomllib

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from projects import CODE

CONTAINER = ROOT / "envs/Containerfile"
APPTAINER = ROOT / "envs/imagenet-transfer.def"
CODE_IN_IMAGE = "/opt/imagenet-transfer"


def locked() -> dict[str, str]:
    """Return the versions in the lock by name; fails unless each is exact and without a build."""
    versions = {}
    for line in (ROOT / "envs/lock.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        requirement = Requirement(line)
        (exact,) = requirement.specifier
        assert exact.operator == "==" and re.fullmatch(r"[0-9a-z.]+", exact.version), line
        name = canonicalize_name(requirement.name)
        assert name not in versions, f"{name} is locked twice"
        versions[name] = exact.version
    return versions


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]


def test_the_lock_has_every_dependency_in_its_range():
    versions = locked()
    assert len(declared()) > 20
    for requirement in declared():
        version = versions[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_the_lock_has_what_the_dependencies_need():
    """Asked of the packages that are installed here."""
    versions = locked()
    asked = 0
    for name in versions:
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # an extra that is not installed
            continue
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert canonicalize_name(need.name) in versions, f"{name} needs {need}"
                asked += 1
    assert asked > 50


def test_the_environment_of_conda_has_the_lock():
    content = yaml.safe_load((ROOT / "envs/locked.yaml").read_text())
    *_, last = content["dependencies"]
    lock = (ROOT / "envs/lock.txt").read_text().splitlines()
    assert last["pip"] == [line for line in lock if not line.startswith("#")]


# --- containers -----------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile with their words, lines joined."""
    text = re.sub(r"\\\n\s*", "", CONTAINER.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def of(name: str) -> list[str]:
    return [words for instruction, words in instructions() if instruction == name]


def copied() -> set[str]:
    """Return what the Containerfile copies."""
    return {path for words in of("COPY") for path in words.split()[:-1]}


def section(name: str) -> list[str]:
    """Return the lines of a section of Apptainer's definition."""
    text = APPTAINER.read_text().partition(f"%{name}\n")[2].partition("\n%")[0]
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_what_is_copied_exists_and_is_the_workflow():
    for path in copied():
        assert (ROOT / path).exists(), path
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {*CODE, "pyproject.toml", project["readme"], "LICENSE"} <= copied()
    for path in project["license-files"]:
        assert path.split("/")[0] in copied()


def test_both_images_are_the_same():
    pairs = [line.split() for line in section("files")]
    assert {path for path, _ in pairs} == copied() - {"envs/lock.txt"}
    assert all(target == f"{CODE_IN_IMAGE}/{path}" for path, target in pairs)
    base = re.search(r"^From: (.*)$", APPTAINER.read_text(), re.M)[1]
    assert of("FROM") == [base] and not base.endswith("latest")
    installs = [line for line in section("post") if line.startswith("pip")]
    ours = [words.split(" && ")[0].strip() for words in of("RUN")]
    assert [line.replace("{{ TORCH_INDEX }}", "$TORCH_INDEX") for line in installs] == ours
    assert section("arguments") == of("ARG")


def test_images_install_what_is_locked():
    for words in of("RUN"):
        pip = shlex.split(words.split(" && ")[0])
        assert pip[:4] == ["pip", "install", "--constraint", "envs/lock.txt"]
    extras = set(re.findall(r"\.\[(.*?)\]", of("RUN")[-1])[0].split(","))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert extras <= project["optional-dependencies"].keys()


def test_the_image_starts_snakemake_as_an_ordinary_user():
    assert of("USER") == ["1000"] and "useradd --uid 1000" in of("RUN")[-1]
    assert of("ENTRYPOINT") == [f'["snakemake", "--snakefile", "{CODE_IN_IMAGE}/Snakefile"]']
    assert section("runscript") == [f'exec snakemake --snakefile {CODE_IN_IMAGE}/Snakefile "$@"']
    names = [name for name, _ in instructions()]
    assert names.index("USER") > max(at for at, name in enumerate(names) if name == "RUN")


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_the_linter_of_containers_is_content():
    done = subprocess.run(["hadolint", CONTAINER], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
