"""What several test files share."""

import fcntl
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]

# A network small enough for a test: 24-pixel crops, pool5 of 1x1.
TINY = {
    "model": "alexnet",
    "image_size": 28,
    "input_size": 24,
    "width": 0.05,
    "fc_width": 16,
    "conv1_kernel": 5,
    "conv1_stride": 1,
    "dropout": 0.5,
    "init": "he",
    "pixel_mean": [104, 117, 123],
    "pixel_std": 58,
}
RECIPE = {
    "batch_size": 8,
    "iterations": 6,
    "lr": 0.01,
    "lr_steps": [4],
    "lr_gamma": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "fresh_lr_factor": 10,
    "evaluate_every": 3,
}
PAPER_ALEXNET = {
    "model": "alexnet",
    "image_size": 256,
    "input_size": 227,
    "width": 1,
    "fc_width": 4096,
    "conv1_kernel": 11,
    "conv1_stride": 4,
    "dropout": 0.5,
    "init": "caffe",
    "pixel_mean": [104, 117, 123],
    "pixel_std": 1,
}


def heed_ctrl_c() -> None:
    """Let a child process react to Ctrl-C (its `preexec_fn`): a shell's background jobs do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Pictures:
    """Images in memory: noise with the colour of the class."""

    def __init__(self, num_images: int, num_classes: int, size: int = 28):
        draw = np.random.default_rng(0)
        self.labels = np.arange(num_images) % num_classes
        colours = draw.integers(40, 200, (num_classes, 1, 1, 3))
        noise = draw.integers(-40, 40, (num_images, size, size, 3))
        self.pixels = (colours[self.labels] + noise).astype(np.uint8)
        self.images = pd.DataFrame({"image": [f"{i:05}" for i in range(num_images)]})

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows]

    def table(self) -> pd.DataFrame:
        return pd.DataFrame({"row": np.arange(len(self.labels)), "label": self.labels})


@pytest.fixture
def pictures() -> Pictures:
    return Pictures(20, 4)


@pytest.fixture
def one_thread():
    """Compute on one thread, on which results are the same bits each time."""
    import torch  # takes seconds, which most tests can do without

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def device() -> str:
    """Return the device that `make gpu-check` tests, or the CPU."""
    return os.environ.get("GPU_CHECK_DEVICE", "cpu")


@pytest.fixture
def full_float32():
    """Let a GPU multiply in float32, as the CPU that it is compared with."""
    import torch

    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = False
    yield
    for switch, allowed in zip(switches, before, strict=True):
        switch.allow_tf32 = allowed


def finish_run(task, settings: dict, folder: Path, minutes: float | None = None) -> None:
    """Carry out a training task and write its files, as the stages do."""
    from imagenet_transfer.training.run_files import RunFiles
    from imagenet_transfer.training.stages import trained

    files = RunFiles(folder, settings, {}, "cpu")
    files.write({"stage": "transfer"}, trained(task, files, minutes), task.tested())


def check_equal_bytes(draw, folder) -> None:
    """Check that a chart has equal bytes when drawn again, among other settings of matplotlib."""
    import matplotlib

    from imagenet_transfer.figures.style import save_figure

    def save(stem):
        save_figure(draw(), *(folder / f"{stem}.{kind}" for kind in ("png", "svg")))

    save("a")
    settings = {"font.size": 20, "axes.grid": True, "savefig.facecolor": "red"}
    with matplotlib.rc_context(settings | {"svg.hashsalt": None}):
        save("b")
    for kind in ("png", "svg"):
        assert (folder / f"a.{kind}").read_bytes() == (folder / f"b.{kind}").read_bytes()


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Return a small study that has run once; tests read it, and work on copies of it.

    The first of pytest's processes that asks for it makes it for all of them.
    """
    from projects import Project  # which imports this file

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    folder.mkdir(exist_ok=True)
    project = Project(folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            project.create().run()
            (folder / "made").touch()
    return project


@pytest.fixture
def project(finished, tmp_path):
    """Return a copy of the finished study, to change and run."""
    return finished.copy(tmp_path / "copy")
