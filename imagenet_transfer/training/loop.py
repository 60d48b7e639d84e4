"""The one training loop: schedule, resuming, deadline, guard against non-finite losses.

Stages bring tasks.
"""

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from imagenet_transfer.errors import UserError
from imagenet_transfer.models.normalisation import check_triton
from imagenet_transfer.running.progress import Progress, note
from imagenet_transfer.running.provenance import commit
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.feed import fed, feed_of
from imagenet_transfer.training.graphs import StepGraph
from imagenet_transfer.training.precision import mixed, use_precision
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.training.solver import CaffeSGD


class Task(Protocol):
    """What a stage brings to the loop.

    The randomness of a step comes from its number, so that a resumed run repeats it. If it also
    has the method `rows`, the records of a store that it reads, these can be kept (see `tiers`).
    """

    model: nn.Module
    # Prefixes of the names of parameters that the recipe's fresh_lr_factor applies to
    fresh_layers: tuple[str, ...]
    num_images: int  # training images, for schedules in epochs

    def load(self, step: int) -> Any:
        """Return the batch of a step as CPU tensors (see `feed.Feed` for what may hold them).

        It is a pure function of the step and is called in a background thread.
        """

    def loss(self, batch: Any) -> Tensor:
        """Return the mean loss of a batch, which the feed has brought to the model's device."""

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the model as it is."""

    def tested(self) -> pd.DataFrame:
        """Return what the last evaluation found in each test image.

        It is enough to compute the metrics of any part of the images.
        """


class Deadline:
    """The time at which a job saves its state and stops; None: never.

    It leaves a twentieth of the job's minutes, and at least 20 seconds, for saving and for an
    evaluation that may come first.
    """

    def __init__(self, minutes: float | None):
        seconds = math.inf if minutes is None else min(0.95 * 60 * minutes, 60 * minutes - 20)
        self.ends = time.monotonic() + seconds

    def passed(self) -> bool:
        """Return whether the job should save and stop."""
        return time.monotonic() > self.ends


class DeadlineReachedError(UserError):
    """The job ran out of time and has saved its state; the next attempt continues."""


class NonFiniteLossError(UserError):
    """The loss became infinite or not a number."""


@dataclass(frozen=True)
class Schedule:
    """Learning rate and length of a run, in iterations."""

    iterations: int
    lr: float
    lr_steps: tuple[int, ...]
    lr_gamma: float

    @classmethod
    def of(cls, recipe: Recipe | Mapping[str, Any], num_images: int) -> "Schedule":
        """Return the schedule of a recipe for a set of `num_images` images.

        `lr_steps` are in the unit of the length, iterations or epochs.
        """
        recipe = Recipe.of(recipe)
        in_iterations = recipe.iterations is not None
        length = recipe.iterations if in_iterations else recipe.epochs
        per_unit = 1.0 if in_iterations else num_images / recipe.images_per_iteration
        steps = tuple(round(step * per_unit) for step in recipe.lr_steps)
        return cls(max(1, math.ceil(length * per_unit)), recipe.lr, steps, recipe.lr_gamma)

    def lr_at(self, step: int) -> float:
        """Return the learning rate of a step (from 0): lr, times lr_gamma per step of lr_steps."""
        return self.lr * self.lr_gamma ** sum(step >= at for at in self.lr_steps)


class LossMeter:
    """Mean loss since the last report, and the guard against non-finite losses.

    Losses are read only every `every` steps, as each reading waits for the GPU.
    """

    def __init__(self, every: int):
        self.every = every
        self.pending: list[tuple[int, Tensor]] = []
        self.total = 0.0
        self.count = 0
        self.last_finite: float | None = None

    def add(self, step: int, loss: Tensor) -> None:
        """Take in the loss of a step."""
        self.pending.append((step, loss.detach()))
        if len(self.pending) >= self.every:
            self.flush()

    def flush(self) -> None:
        """Read the pending losses; raise NonFiniteLossError at the first that is not finite."""
        if not self.pending:
            return
        losses = torch.stack([loss for _, loss in self.pending]).tolist()
        for (step, _), loss in zip(self.pending, losses, strict=True):
            if not math.isfinite(loss):
                last = "none" if self.last_finite is None else f"{self.last_finite:.4f}"
                raise NonFiniteLossError(
                    f"The loss at step {step} is {loss} (last finite loss: {last}). Lower `lr` in "
                    "this recipe of the config, or check the images; the run starts again from its "
                    "last saved state."
                )
            self.total += loss
            self.count += 1
            self.last_finite = loss
        self.pending.clear()

    def mean(self) -> float:
        """Return the mean loss since the last call."""
        self.flush()
        mean = self.total / max(1, self.count)
        self.total = 0.0
        self.count = 0
        return mean


@dataclass(frozen=True)
class Outcome:
    """What a finished run leaves."""

    metrics: dict[str, float]
    history: list[dict[str, float]]  # a row per evaluation
    seconds: float  # of all its attempts
    commits: list[str]


def train(
    task: Task,
    recipe: Recipe | Mapping[str, Any],
    seed: int,
    state_file: StateFile,
    deadline: Deadline | None = None,
    save_seconds: float = 120.0,
) -> Outcome:
    """Carry out a task by stochastic gradient descent with momentum.

    Each evaluation adds a row to the history: iteration, lr, loss (mean since the last row) and the
    task's metrics. Raises DeadlineReachedError, after saving, if the deadline passes, and
    NonFiniteLossError.
    """
    trainer = _Trainer(task, Recipe.of(recipe), seed, state_file)
    saved = time.monotonic()
    progress = trainer.progress()
    with trainer.batches() as batches:
        while trainer.step < trainer.schedule.iterations:
            trainer.take_step(batches)
            progress.advance(facts=trainer.last_loss)
            if trainer.evaluates():
                note(trainer.report())
            if deadline and deadline.passed() and not trainer.finished():
                trainer.save()
                raise DeadlineReachedError(
                    "The time given to this job is nearly over: stopped and saved at step "
                    f"{trainer.step} of {trainer.schedule.iterations}. Run the same command again "
                    "and it continues from there."
                )
            if time.monotonic() - saved > save_seconds and not trainer.finished():
                trainer.save()
                saved = time.monotonic()
    return trainer.outcome()


@contextlib.contextmanager
def stepping(
    task: Task, recipe: Recipe | Mapping[str, Any], seed: int = 0
) -> Iterator[Callable[[], None]]:
    """Yield a function that takes the next step of `train`, with its feed; nothing is saved.

    Benchmarks and checks of a device call it, so that they see what a training does.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainer = _Trainer(task, Recipe.of(recipe), seed, StateFile(Path(folder) / "none", ""))
        with trainer.batches() as batches:
            yield lambda: trainer.take_step(batches)


class _Trainer:
    """A run in progress; `save` keeps everything that its next step depends on."""

    def __init__(self, task: Task, recipe: Recipe, seed: int, state_file: StateFile):
        self.task = task
        self.recipe = recipe
        self.state_file = state_file
        self.seed = seed
        self.device = next(task.model.parameters()).device
        self.schedule = Schedule.of(recipe, task.num_images)
        self.accumulate = recipe.accumulate
        self.solver = CaffeSGD(task.model, task.fresh_layers, recipe)
        self.meter = LossMeter(every=1 if self.device.type == "cpu" else 20)
        self.history: list[dict[str, float]] = []
        self.commits = [commit()]
        self.graph = self._switched_on()
        self.step = 0
        self.seconds_before = 0.0
        self.started = time.monotonic()
        state, sentence = state_file.load()
        note(sentence)
        if state is not None:
            self._restore(state)

    def _switched_on(self) -> StepGraph | None:
        """Switch on what the recipe asks for; return the graph of a step, if steps are recorded."""
        use_precision(self.recipe.precision)
        if self.recipe.fused_lrn and self.device.type == "cuda":
            check_triton()
        for module in self.task.model.modules():
            if hasattr(module, "fused_lrn"):
                module.fused_lrn = self.recipe.fused_lrn
        if self.recipe.compile:
            self.task.compile()
        if not self.recipe.cuda_graph or self.device.type == "cpu":
            return None
        return StepGraph(self.task.model, self._mixed_loss, self.solver)

    def _mixed_loss(self, *prepared: Tensor) -> Tensor:
        with mixed(self.recipe.precision, self.device):
            return self.task.prepared_loss(*prepared)

    def _restore(self, state: dict[str, Any]) -> None:
        self.task.model.load_state_dict(state["model"])
        self.solver.load(state["velocity"])
        self.meter.total, self.meter.count, self.meter.last_finite = state["meter"]
        self.history = state["history"]
        self.step = state["step"]
        self.seconds_before = state["seconds"]
        self.commits = list(dict.fromkeys([*state.get("commits", ()), *self.commits]))

    def save(self) -> None:
        """Write the state, once its losses are known to be finite."""
        self.meter.flush()
        meter = [self.meter.total, self.meter.count, self.meter.last_finite]
        networks = {"model": self.task.model.state_dict(), "velocity": self.solver.velocity}
        progress = {"meter": meter, "history": self.history, "step": self.step}
        attempts = {"seconds": self.seconds(), "commits": self.commits}
        self.state_file.save(networks | progress | attempts)

    def seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started

    def finished(self) -> bool:
        return self.step == self.schedule.iterations

    def evaluates(self) -> bool:
        """Return whether the step just taken is followed by an evaluation."""
        every = self.recipe.evaluate_every
        return self.finished() or (every is not None and self.step % every == 0)

    def batches(self) -> contextlib.AbstractContextManager[Iterator[Any]]:
        first, stop = (step * self.accumulate for step in (self.step, self.schedule.iterations))
        return contextlib.closing(fed(feed_of(self.device), self.task.load, range(first, stop)))

    def progress(self) -> Progress:
        rates = {"it": 1, "images": self.recipe.images_per_iteration}
        return Progress(self.schedule.iterations, rates, start=self.step)

    def last_loss(self) -> str:
        """Return the last loss that was read, in words; none is read for this."""
        last = self.meter.last_finite
        return "" if last is None else f"loss {last:.3g}"

    def take_step(self, batches: Iterator[Any]) -> None:
        self.task.model.train()
        lr = self.schedule.lr_at(self.step)
        # Dropout and sampling depend only on the step.
        seed = seed_of(self.seed, "step", self.step)
        if self.graph is not None:
            loss = self.graph.step(self.task.prepared(next(batches)), lr, seed)
        else:
            loss = self.change(batches, lr, seed)
        self.meter.add(self.step, loss)
        self.step += 1

    def change(self, batches: Iterator[Any], lr: float, seed: int) -> Tensor:
        """Change the network by the mean gradient of some batches; return their mean loss."""
        torch.manual_seed(seed)
        self.solver.zero_grad()
        losses = [self._loss_part(next(batches)) for _ in range(self.accumulate)]
        self.solver.step(lr)
        return sum(losses[1:], losses[0])

    def _loss_part(self, batch: Any) -> Tensor:
        """Return a batch's share of the mean loss, once its gradient is added."""
        with mixed(self.recipe.precision, self.device):
            loss = self.task.loss(batch)
        if self.accumulate > 1:
            loss = loss / self.accumulate
        loss.backward()
        return loss.detach()

    def report(self) -> str:
        """Evaluate, add a row to the history and return it as a line of text."""
        self.task.model.eval()
        lr = self.schedule.lr_at(self.step - 1)
        row = {"iteration": self.step, "lr": lr, "loss": self.meter.mean()}
        with torch.no_grad():
            row |= self.task.evaluate()
        self.history.append(row)
        return "  ".join(f"{name} {value:.4g}" for name, value in row.items() if "/" not in name)

    def outcome(self) -> Outcome:
        last = self.history[-1].items()
        metrics = {name: value for name, value in last if name not in ("iteration", "lr", "loss")}
        return Outcome(metrics, self.history, self.seconds(), self.commits)
