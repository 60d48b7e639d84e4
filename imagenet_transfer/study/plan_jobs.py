"""The jobs that an output needs, as the workflow's rules have them, without any of its paths.

A job is a tuple of its kind and names, such as ("pretrain", arch, subset, replicate). Tests compare
their numbers with those of the workflow's own graph.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple

from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.study.runs import Embedding, PretrainRun, TransferRun
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.kinds import KINDS

Job = tuple[str | int, ...]
NETWORK = "pretrain"
FINE_TUNING = "finetune"
FEATURES = "embed"
MEASURE = "measure"
FIRST_CHECK = "first"
STORE = "store"
WAITING = (NETWORK, FINE_TUNING, FEATURES, "predict")  # for the check of the first network


def jobs_of(study: Study, output: str) -> list[Job]:
    """Return all jobs that an output needs, each once; what draws the output comes last."""
    jobs = dict.fromkeys(_behind(study, output))
    return [*jobs, ("draw", output)]


def _behind(study: Study, output: str) -> Iterator[Job]:
    own = list(_own(study, output))
    yield from _first(study, own)
    yield from own


def _first(study: Study, jobs: Iterable[Job]) -> Iterator[Job]:
    """Yield the check of the first network and what it needs, if one of some jobs waits for it."""
    if not study.first:
        return
    network = study.first_run()
    if any(job[0] in WAITING and job != (NETWORK, *astuple(network)) for job in jobs):
        yield from _network(study, network)
        yield (FIRST_CHECK,)


def _own(study: Study, output: str) -> Iterator[Job]:
    for network in [*study.networks_behind(output), *study.pretrain_runs(output)]:
        yield from _network(study, network)
    for run in study.transfer_runs(output):
        yield from _transfer(study, run)
    for features in study.embeddings(output):
        yield from _features(study, features)
    for kind in study.builder(output).inputs:
        yield from INPUTS.get(kind, _nothing)(study, output)


def _network(study: Study, run: PretrainRun) -> Iterator[Job]:
    if study.is_given(run.subset):
        yield ("import", *astuple(run))
        return
    yield (NETWORK, *astuple(run))
    yield from _manifest(study, run.subset, run.replicate)


def _transfer(study: Study, run: TransferRun) -> Iterator[Job]:
    frozen = study.is_frozen(run.task)
    yield (MEASURE if frozen else FINE_TUNING, *astuple(run))
    yield from _store(study, study.dataset_of(run.task))
    if frozen:
        yield from _features(study, study.features_of_run(run))
    if "proposals" in KINDS[study.tasks[run.task]["kind"]].inputs:
        yield ("proposals", study.dataset_of(run.task))
    if learnt := study.learnt_by(run):
        yield from _manifest(study, *learnt)


def _features(study: Study, one: Embedding) -> Iterator[Job]:
    yield (FEATURES, *astuple(one))
    yield from _store(study, one.dataset)
    if one.subset != SCRATCH:
        yield from _network(study, one.network)


def _store(study: Study, dataset: str) -> Iterator[Job]:
    yield (STORE, dataset)
    if part := study.datasets[dataset].get("render"):
        yield ("render", part)


def _manifest(study: Study, subset: str, replicate: int) -> Iterator[Job]:
    """Yield the draw of a replicate's images with what it is made from."""
    yield ("manifest", subset, replicate if study.is_drawn(subset) else 1)
    yield from _store(study, study.subsets[subset]["dataset"])
    yield from _label_set(study, study.subsets[subset]["label_set"], replicate)


def _label_set(study: Study, name: str, replicate: int) -> Iterator[Job]:
    yield ("label_set", name, replicate if study.is_random(name) else 1)
    if dataset := study.label_sets[name].get("dataset"):
        yield from _store(study, dataset)
    if source := study.source_of_labels(name, replicate):
        yield from _features(study, source)


# What outputs read besides runs, by the kinds of figures/builders.py


def _nothing(study: Study, output: str) -> Iterator[Job]:
    yield from ()


def _first_manifests(study: Study, output: str) -> Iterator[Job]:
    for subset in study.subsets_of(output):
        if subset != SCRATCH and not study.is_given(subset):
            yield from _manifest(study, subset, 1)


def _label_sets(study: Study, output: str) -> Iterator[Job]:
    for name in study.label_sets_of(output):
        yield from _label_set(study, name, 1)


def _images(study: Study, output: str) -> Iterator[Job]:
    yield from _store(study, study.dataset_of_output(output))


def _predictions(study: Study, output: str) -> Iterator[Job]:
    for run in study.predictions(output):
        yield ("predict", *astuple(run))
        yield from _manifest(study, run.subset, run.replicate)


def _induction(study: Study, output: str) -> Iterator[Job]:
    baseline, layer = (study.outputs[output][key] for key in ("baseline", "layer"))
    for run in study.induced_runs(output):
        yield ("induce", *astuple(run), baseline, layer)
        yield from _label_set(study, study.subsets[run.subset]["label_set"], run.replicate)
        dataset = study.subsets[run.subset]["dataset"]
        for network in (run, study.baseline_of(run, baseline)):
            yield from _features(study, Embedding(*astuple(network), dataset, layer))


INPUTS: Mapping[str, Callable[[Study, str], Iterator[Job]]] = {
    "sizes": _first_manifests,
    "manifests": _first_manifests,
    "label_sets": _label_sets,
    "store": _images,
    "predictions": _predictions,
    "induction": _induction,
}
