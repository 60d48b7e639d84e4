"""Products of features are float32's, whatever a process allows."""

import numpy as np
import pytest
import torch
from small_material import clusters, material
from torch.utils._python_dispatch import TorchDispatchMode

from imagenet_transfer.features import few_shot, knn, probe
from imagenet_transfer.features.full_float32 import full_float32
from imagenet_transfer.features.neighbours import nearest
from imagenet_transfer.training.measures import FewShot, Neighbours, Probe

pytestmark = pytest.mark.usefixtures("one_thread")

PRODUCTS = {"matmul", "mm", "addmm", "linear", "bmm", "baddbmm", "_linear_pointwise"}


def allowed():
    """Return what products of float32 numbers may use: "ieee" or "highest" is float32 itself."""
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        return [torch.get_float32_matmul_precision()]
    return [torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision]


class Watch(TorchDispatchMode):
    """Notes what is allowed at each product."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in PRODUCTS:
            self.seen.append(tuple(allowed()))
        return func(*args, **(kwargs or {}))


@pytest.fixture(params=["legacy flag", "set for all", "each"])
def reduced(request):
    """Allow less than float32 in one of the ways that torch has; take it back."""
    before = allowed()
    if request.param == "legacy flag":
        torch.backends.cuda.matmul.allow_tf32 = True
    elif request.param == "set for all":
        torch.set_float32_matmul_precision("medium")
    elif len(before) > 1:
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    yield allowed()
    torch.set_float32_matmul_precision("highest")
    if len(before) > 1:
        torch.backends.cuda.matmul.fp32_precision = before[0]
        torch.backends.mkldnn.matmul.fp32_precision = before[1]


def search():
    draw = np.random.default_rng(0).standard_normal((40, 16)).astype(np.float32)
    return nearest(draw[:5], draw, 3)


def found(measure, keys):
    return measure(material(*clusters()), keys)


WORK = {
    "neighbour search": search,
    "knn": lambda: found(knn.measure, Neighbours(k=5)),
    "probe": lambda: found(probe.measure, Probe(l2=[1.0, 0.1], iterations=3)),
    "few-shot": lambda: found(few_shot.measure, FewShot(shots=3, draws=2)),
}


@pytest.mark.parametrize("name", WORK)
def test_products_are_float32s_and_the_rest_of_the_process_is_left_alone(name, reduced):
    with Watch() as watch:
        WORK[name]()
    assert watch.seen
    assert {word for flags in watch.seen for word in flags} <= {"ieee", "highest"}
    assert allowed() == reduced


def test_an_error_leaves_the_process_as_it_was():
    before = allowed()
    with pytest.raises(ValueError, match="stop"), full_float32():
        raise ValueError("stop")
    assert allowed() == before
