"""Small helpers that tests of several rooms share."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from imagenet_transfer.errors import UserError

if TYPE_CHECKING:
    import torch  # takes seconds, which most tests can do without


def write_file(path: Path, content: bytes | str = b"x") -> Path:
    """Write a file, with its folders, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def folder_contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file of a flat folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def refusal(work: Callable[[], Any], *words: Any, longest: int = 500) -> str:
    """Return the UserError's text that `work` raises.

    Fails unless it is one printable line that ends with a full stop, has at most `longest`
    characters and has all `words` in it.
    """
    with pytest.raises(UserError) as caught:
        work()
    said = str(caught.value)
    assert said.isprintable() and said.endswith(".") and len(said) <= longest, said
    for word in words:
        assert str(word) in said, said
    return said


def smooth_picture(
    seed: int = 0, height: int = 24, width: int = 32, mode: str = "RGB"
) -> Image.Image:
    """Return a PIL image of soft random colours, equal for equal arguments."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return picture.convert(mode)


def image_bytes(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """Return the file that Pillow writes of an image in a form such as "PNG"."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def box_tensor(*rows: Sequence[float]) -> torch.Tensor:
    """Return boxes as a float32 tensor (n,4); (0,4) without rows."""
    import torch

    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def check_computes_the_same(ours, theirs) -> None:
    """Check that a network gives torchvision's scores of 224-pixel images with torchvision's weights."""
    import torch
    from torchvision.transforms import Normalize

    ours.load_state_dict(theirs.state_dict())
    images = torch.randint(0, 256, (2, 224, 224, 3), generator=torch.Generator().manual_seed(1))
    normalise = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        expected = theirs(normalise(images.permute(0, 3, 1, 2) / 255))
        torch.testing.assert_close(ours(images.byte()), expected)


def compiled(folder: Path) -> str:
    """Compile a folder's study.tex; return what TeX says. Skips the test where there is no TeX."""
    engine = shutil.which("pdflatex") or shutil.which("tectonic")
    if engine is None:
        pytest.skip("neither pdflatex nor tectonic is installed")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in engine else []
    command = [engine, *options, "study.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0 and (folder / "study.pdf").stat().st_size > 10_000, said[-3000:]
    return said
