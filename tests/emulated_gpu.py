"""A GPU that is not there: tensors that claim another device, hold real values and are counted.

They refuse to mix with tensors of the CPU, as CUDA's do. Each operation on them counts as one
launch of a kernel. What makes the CPU wait for CUDA counts as a wait: reading a value, a result
whose size depends on values, a copy without `non_blocking`.

The device calls itself "meta", since torch without a driver refuses "cuda" in some places. This
shows nothing of CUDA's own kernels: their speed, memory, rounding and mixed precision.
"""

import contextlib
import functools
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from imagenet_transfer.training import feed

DEVICE = "meta"
CPU = torch.device("cpu")
PACKAGE = "imagenet_transfer/"

COPIES = {"_to_copy", "copy_"}
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
# Whose results have sizes, or Python values, that depend on values
WAITING = (
    "_local_scalar_dense equal nonzero masked_select bincount repeat_interleave unique _unique2 "
    "unique_dim unique_consecutive nms"
)
# What launches no kernel
VIEWS = (
    "alias as_strided detach diagonal empty empty_like empty_strided expand lift_fresh new_empty "
    "new_empty_strided permute _reshape_alias select slice split split_with_sizes squeeze t "
    "transpose unbind unfold _unsafe_view unsqueeze view _local_scalar_dense"
)


@dataclass
class Counts:
    """What the emulated device was made to do, by operation and line of the package."""

    launches: Counter = field(default_factory=Counter)
    waits: Counter = field(default_factory=Counter)  # of the main thread

    def copy(self) -> "Counts":
        """Return the counts as they are now."""
        return Counts(self.launches.copy(), self.waits.copy())

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(self.launches - other.launches, self.waits - other.waits)

    def __str__(self) -> str:
        lines = []
        for name, counter in vars(self).items():
            lines.append(f"{counter.total()} {name}:")
            lines += [f"  {number} {' '.join(key)}" for key, number in counter.most_common()]
        return "\n".join(lines)


COUNTS = Counts()  # of the emulation that is running


def _place() -> str:
    """Return the innermost line of the package that is running."""
    frame = sys._getframe()
    while frame is not None:
        _, found, path = frame.f_code.co_filename.rpartition(PACKAGE)
        if found:
            return f"{path}:{frame.f_lineno}"
        frame = frame.f_back
    return "outside"


def _count(counter: Counter, name: str) -> None:
    counter[name, _place()] += 1


def _wait(name: str) -> None:
    if threading.current_thread() is threading.main_thread():
        _count(COUNTS.waits, name)


class OnDevice(torch.Tensor):
    """A tensor of the emulated device; `elem` is a tensor of the CPU with its values."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, elem):
        facts = {"dtype": elem.dtype, "layout": elem.layout, "device": torch.device(DEVICE)}
        places = {"strides": elem.stride(), "storage_offset": elem.storage_offset()}
        tensor = torch.Tensor._make_wrapper_subclass(cls, elem.size(), **facts, **places)
        tensor.elem = elem
        return tensor

    def __repr__(self):
        return f"OnDevice({self.elem!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _dispatch(func, args, kwargs or {})

    # What torch does not send through `__torch_dispatch__`

    def tolist(self):
        _wait("tolist")
        return self.elem.tolist()

    def new_tensor(self, data, dtype=None):
        return torch.tensor(data, dtype=dtype or self.dtype, device=self.device)

    def numpy(self):
        raise TypeError("a tensor of the emulated GPU has no NumPy array: copy it to the CPU first")


def _is_emulated(device) -> bool:
    return device is not None and torch.device(device).type == DEVICE


@functools.cache
def _is_composite(func) -> bool:
    key = "CompositeImplicitAutograd"
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)


def _dispatch(func, args, kwargs):
    """Return the result of an operation on the values, on the device that it belongs to."""
    if _is_composite(func):  # in inference mode torch has not taken it apart
        with _Mode():
            return func.decompose(*args, **kwargs)
    name = func.overloadpacket.__name__
    flat, spec = tree_flatten((args, kwargs))
    ours = [value for value in flat if isinstance(value, OnDevice)]
    theirs = [v for v in flat if isinstance(v, torch.Tensor) and not isinstance(v, OnDevice)]
    if any(tensor.is_meta for tensor in theirs):
        raise RuntimeError(f"{func} got a tensor without values that the emulation did not make")
    wanted = kwargs.get("device")
    on_device = bool(ours) if wanted is None else _is_emulated(wanted)
    if name in COPIES:
        on_device = isinstance(args[0], OnDevice) if name == "copy_" else on_device
        _count_copy(func, name, args, kwargs, on_device)
    elif ours and any(tensor.dim() for tensor in theirs):  # CUDA takes numbers of the CPU
        shapes = [tuple(tensor.shape) for tensor in theirs]
        raise RuntimeError(f"{func} mixes devices at {_place()}; on the CPU are {shapes}")
    if ours and _waits(name, args, kwargs):
        _wait(name)
    if on_device and name not in VIEWS.split():
        _count(COUNTS.launches, name)
    return _run(func, flat, spec, ours, on_device)


def _count_copy(func, name, args, kwargs, on_device: bool) -> None:
    """Count a copy between devices for which the CPU waits."""
    source = args[1] if name == "copy_" else args[0]
    given = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False))
    if isinstance(source, OnDevice) != on_device and not (given | kwargs).get("non_blocking"):
        _wait("copy to the device" if on_device else "copy from the device")


def _waits(name: str, args, kwargs) -> bool:
    if name in INDEXING:
        masked = any(index is not None and index.dtype == torch.bool for index in args[1])
        filled = name != "index" and args[2].numel() == 1  # then CUDA fills without positions
        return masked and not filled
    return name in WAITING.split() and kwargs.get("output_size") is None


def _run(func, flat, spec, ours, on_device: bool):
    """Return what an operation makes of the values; tensors that it changed stay themselves."""
    args, kwargs = tree_unflatten([_on_cpu(value) for value in flat], spec)
    if "device" in kwargs:
        kwargs = {**kwargs, "device": CPU}
    known = {id(tensor.elem): tensor for tensor in ours}

    def wrapped(value):
        if id(value) in known or not (on_device and isinstance(value, torch.Tensor)):
            return known.get(id(value), value)
        # In inference mode, a view of a tensor from outside is still one from outside.
        with torch.inference_mode(value.is_inference()):
            return OnDevice(value)

    return tree_map(wrapped, func(*args, **kwargs))


def _on_cpu(value):
    if isinstance(value, OnDevice):
        return value.elem
    return CPU if isinstance(value, torch.device) and _is_emulated(value) else value


class _Mode(TorchDispatchMode):
    """Sends all operations of a thread through `_dispatch`."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _dispatch(func, args, kwargs or {})


class PlainCopier:
    """Copies at once, without pinned memory or streams."""

    def __init__(self, device):
        self.device = device

    def allocate(self, num_bytes):
        return torch.empty(num_bytes, dtype=torch.uint8)

    def copy(self, pieces):
        copies = [piece.to(self.device, non_blocking=True) for piece in pieces]
        return copies, Copied()

    def receive(self, pieces, copied):
        pass


class Copied:
    """The end of a copy that was made at once."""

    def synchronize(self):
        pass


@contextlib.contextmanager
def emulated_gpu() -> Iterator[Counts]:
    """Let DEVICE be a GPU for all threads that start meanwhile; yield the counts."""
    run = threading.Thread.run
    tensor = torch.tensor
    autocast = torch.autocast

    def run_emulated(thread):
        with _Mode():
            run(thread)

    def tensor_of(data, *, device=None, **options):
        made = tensor(data, **options)
        return made if device is None else made.to(device)

    def no_autocast(kind, *words, **options):
        return contextlib.nullcontext() if kind == DEVICE else autocast(kind, *words, **options)

    for counter in vars(COUNTS).values():
        counter.clear()
    with (
        mock.patch.object(threading.Thread, "run", run_emulated),
        mock.patch.object(torch, "tensor", tensor_of),
        mock.patch.object(torch, "autocast", no_autocast),
        mock.patch.dict(feed.COPIERS, {DEVICE: PlainCopier}),
        _Mode(),
    ):
        feed._copying_feed.cache_clear()
        yield COUNTS
    feed._copying_feed.cache_clear()
