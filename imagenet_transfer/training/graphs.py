"""A training step that a GPU records once and then repeats as a whole (CUDA graphs).

The processor then starts one thing per step instead of some hundred kernels.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from imagenet_transfer.training.solver import CaffeSGD

WARM_UP = 3  # steps before recording, as PyTorch's documentation asks

Recorder = Callable[[Callable[[], None]], Callable[[], None]]


def recorded(function: Callable[[], None]) -> Callable[[], None]:
    """Record what a function launches on the current GPU; return a function that repeats it."""
    graph = torch.cuda.CUDAGraph()
    # Meanwhile the thread that loads batches allocates memory and copies, which is fine.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        function()
    return graph.replay


class StepGraph:
    """A step of the solver as one recording, made again whenever rate or shapes change.

    The learning rate is a constant of the recording. Dropout draws from torch's generator, whose
    state a repetition reads anew, so a step's seed gives the masks that it gives without a graph.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Tensor],
        solver: CaffeSGD,
        record: Recorder = recorded,
    ):
        self.model = model
        self.loss = loss  # of the tensors of a batch
        self.solver = solver
        self.record = record
        self._made_for: tuple | None = None

    def step(self, batch: Sequence[Tensor], lr: float, seed: int) -> Tensor:
        """Take a step on a batch, tensors on the device; return its loss."""
        made_for = (lr, tuple(tensor.shape for tensor in batch))
        if made_for != self._made_for:
            self._make(batch, lr)
            self._made_for = made_for
        for kept, tensor in zip(self._batch, batch, strict=True):
            kept.copy_(tensor)
        torch.manual_seed(seed)
        self._repeat()
        return self._loss.clone()

    def _make(self, batch: Sequence[Tensor], lr: float) -> None:
        self._repeat = self._loss = None  # gives the memory of the last recording back
        self._batch = [tensor.clone() for tensor in batch]
        self._warm_up()
        self.solver.zero_grad()
        self._repeat = self.record(lambda: self._compute(lr))

    def _compute(self, lr: float) -> None:
        loss = self.loss(*self._batch)
        loss.backward()
        self.solver.step(lr)
        self._loss = loss.detach()

    def _warm_up(self) -> None:
        """Let libraries set themselves up, on a stream of its own; the model stays as it is."""
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        stream = torch.cuda.Stream() if torch.cuda.is_available() else None
        if stream is not None:
            stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # without a GPU: nothing
            for _ in range(WARM_UP):
                self.solver.zero_grad()
                self.loss(*self._batch).backward()
        if stream is not None:
            torch.cuda.current_stream().wait_stream(stream)
        with torch.no_grad():
            for buffer, before in zip(self.model.buffers(), buffers, strict=True):
                buffer.copy_(before)
