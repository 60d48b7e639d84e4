"""Results travel between machines: copies are not computed again, what is missing is named."""

import re
import shutil
import subprocess

import pytest
import yaml
from conftest import ROOT
from projects import Project, small_study

from imagenet_transfer.files import read_json
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.loop import DeadlineReachedError
from imagenet_transfer.training.stages import pretrain

pytestmark = pytest.mark.slow

TABLE = "results/table1.csv"
RUN = "results/transfer/sun-cls/alexnet/imagenet/rep1/metrics.json"
NETWORK = "results/pretrain/alexnet/imagenet/rep1"
TRAVELS = ("results", "stores", ".snakemake/metadata")


def smallest_study():
    """Return a study of one table with one network and one fine-tuning run."""
    config = small_study()
    for section, kept in {
        "datasets": ("imagenet", "sun397"),
        "label_sets": ("imagenet",),
        "subsets": ("imagenet",),
        "recipes": ("pretrain", "sun"),
        "tasks": ("sun-cls",),
        "outputs": ("table1",),
        "miniature": ("image_size", "train_per_class", "val_per_class", "sun"),
    }.items():
        config[section] = {name: config[section][name] for name in kept}
    config["outputs"]["table1"] |= {"tasks": ["sun-cls"], "subsets": ["imagenet"]}
    return config


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A machine on which the study has run; only read by tests."""
    project = Project(tmp_path_factory.mktemp("cluster")).create()
    project.configure(smallest_study())
    project.run(TABLE)
    return project


@pytest.fixture
def laptop(tmp_path):
    """Another machine: another clone of the code in another place, and no results."""
    project = Project(tmp_path / "home")
    project.code.parent.mkdir()
    project.create()
    project.configure(smallest_study())
    return project


def sync(source, target, *folders):
    """Copy folders as README says: without shards of stores, and with modification times."""
    if shutil.which("rsync"):
        sources = [f"{source.folder}/./{folder}" for folder in folders]
        command = ["rsync", "-aR", "--exclude=shard-*", *sources, f"{target.folder}/"]
        subprocess.run(command, check=True)
        return
    for folder in folders:
        ignored = shutil.ignore_patterns("shard-*")
        places = (source.folder / folder, target.folder / folder)
        shutil.copytree(*places, ignore=ignored, dirs_exist_ok=True)


def change_fine_tuning(config):
    config["recipes"]["sun"]["momentum"] = 0.8


def jobs_in(said):
    """Return the jobs that Snakemake listed, as text."""
    return " ".join(re.search(r"^Job stats:\n.*\n-+ .*\n((?:.+\n)*?)total", said, re.M)[1].split())


def test_nothing_is_left_to_do_after_a_sync(cluster, laptop):
    sync(cluster, laptop, *TRAVELS)
    assert not list(laptop.folder.rglob("shard-*"))
    assert laptop.plan(TABLE, RUN, f"{NETWORK}/weights.pt") == {}


def test_stores_that_are_packed_anew_repeat_nothing(cluster, laptop):
    sync(cluster, laptop, "results", ".snakemake/metadata")
    said = laptop.run(TABLE, "--dry-run")
    assert "Nothing to be done" in said
    assert "make it first: snakemake stores/imagenet/meta.json stores/sun397/meta.json" in said
    places = (cluster.folder / "stores", laptop.folder / "stores")
    shutil.copytree(*places, copy_function=shutil.copy)  # with the present time, as when packed
    laptop.edit(change_fine_tuning)
    said = laptop.run(TABLE, "--dry-run")
    assert "make it first" not in said
    assert jobs_in(said) == "finetune_classification 1 make_table 1"


def test_what_failed_is_not_forgotten_and_goes_back(cluster, laptop, tmp_path):
    sync(cluster, laptop, *TRAVELS)
    laptop.edit(change_fine_tuning)
    said = laptop.run(TABLE, expect=1)
    assert jobs_in(said) == "finetune_classification 1 make_table 1"
    assert "shard-00000.bin is missing" in said
    assert laptop.plan(TABLE) == {"finetune_classification": 1, "make_table": 1}
    shutil.copy(cluster.folder / "stores/sun397/shard-00000.bin", laptop.folder / "stores/sun397")
    laptop.run(TABLE)

    back = cluster.copy(tmp_path / "cluster")
    back.edit(change_fine_tuning)
    sync(laptop, back, *TRAVELS)
    assert back.plan(TABLE) == {}


def test_a_half_trained_network_continues(cluster, laptop, one_thread, monkeypatch):
    monkeypatch.chdir(laptop.folder)  # where the study's list of classes lies
    study = Study.of(smallest_study(), ROOT / "workflow/schemas/config.schema.yaml")
    folder = laptop.folder / NETWORK
    results = cluster.folder / "results"
    with pytest.raises(DeadlineReachedError):
        pretrain(
            store_folder=cluster.folder / "stores/imagenet",
            manifest=results / "manifests/imagenet.csv.gz",
            label_set=results / "label_sets/imagenet.csv",
            settings=study.pretrain_settings("alexnet", "imagenet", 1),
            names={},
            folder=folder,
            threads=1,
            minutes=1e-9,
        )
    shutil.copytree(cluster.folder / "stores", laptop.folder / "stores")
    sync(cluster, laptop, "results/manifests", "results/label_sets", ".snakemake/metadata")
    laptop.run(f"{NETWORK}/weights.pt")
    log = laptop.folder / "logs/pretrain/alexnet/imagenet/rep1.log"
    assert "Continues from step 1" in log.read_text()
    whole = cluster.folder / NETWORK / "weights.pt"
    assert (folder / "weights.pt").read_bytes() == whole.read_bytes()


def test_a_network_that_is_given_is_not_trained(cluster, laptop):
    def give(config):
        entry = config["subsets"]["imagenet"]
        del entry["recipe"]
        entry["weights"] = "given/{arch}/weights.pt"

    laptop.edit(give)
    sync(cluster, laptop, "stores/sun397")
    shutil.copy(cluster.folder / "stores/sun397/shard-00000.bin", laptop.folder / "stores/sun397")
    shutil.copytree(cluster.folder / NETWORK, laptop.folder / "given/alexnet")
    assert jobs_in(laptop.run(TABLE)) == "import_network 1 finetune_classification 1 make_table 1"
    assert not (laptop.folder / "stores/imagenet").exists()
    records = [read_json(project.folder / RUN) for project in (laptop, cluster)]
    assert records[0]["inputs"] == records[1]["inputs"]
    assert records[0]["metrics"] == records[1]["metrics"]
    note = "Networks given as a file, not trained by this study: imagenet (SHA-256"
    assert note in laptop.read("table1.md").decode()

    shutil.move(laptop.folder / "given", laptop.folder / "elsewhere")
    assert laptop.plan(TABLE) == {}
    (laptop.folder / "elsewhere/alexnet/metrics.json").unlink()
    elsewhere = {"weights": "elsewhere/alexnet/weights.pt"}
    laptop.edit(lambda config: config["subsets"]["imagenet"].update(elsewhere))
    jobs = ("import_network", "finetune_classification", "make_table")
    assert laptop.plan(TABLE) == dict.fromkeys(jobs, 1)


def test_weights_below_results_are_refused_before_they_are_deleted(laptop):
    config = yaml.safe_load((laptop.folder / "study.yaml").read_text())
    del config["subsets"]["imagenet"]["recipe"]
    config["subsets"]["imagenet"]["weights"] = f"{NETWORK}/weights.pt"
    laptop.configure(config)
    said = laptop.run(TABLE, "--dry-run", expect=1)
    assert "lies in results/, which the workflow writes; move the file" in said
    assert "Traceback" not in said


def test_cores_are_divided_among_the_gpus(laptop):
    rules = laptop.code / "workflow/rules/common.smk"
    counted = "GPUS = count_gpus()"
    assert counted in rules.read_text()
    rules.write_text(rules.read_text().replace(counted, "GPUS = 2"))
    said = laptop.run(f"{NETWORK}/weights.pt", "--dry-run", "--resources", "gpu=2")
    section = said[said.index("rule pretrain:") :]
    assert "gpu=1" in section
    assert "threads: " not in section  # one of the two cores per GPU, not 8 cut down to both
