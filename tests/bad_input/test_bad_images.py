"""Odd, broken and false image files: each is packed, or counted and named with a reason."""

import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from helpers import image_bytes, smooth_picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagenet_transfer.data.codecs import MAX_PIXELS, UnreadableImage, encoder
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.sources import Files
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.errors import UserError

CODECS = {
    "raw": {"codec": "raw", "size": 16},
    "jpeg": {"codec": "jpeg", "size": 16},
    "original": {"codec": "original"},
}


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, rows=b"", extra=b"", bits=8, colour=2):
    """Return a PNG file that claims a size, whatever its rows hold."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def with_sides(jpeg, width, height):
    """Return a JPEG whose header claims other sides."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def gif(width, height):
    data = bytearray(image_bytes(smooth_picture(mode="P"), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    at = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    data[at + 5 : at + 9] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp(width, height):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(head), 0, 0, 54) + head


def tiff(width, height):
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, 8),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return (
        b"II*\0"
        + struct.pack("<I", 16)
        + bytes(8)
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )


FULL = {"quality": 95}
JPEG = image_bytes(smooth_picture(), "JPEG", **FULL)
LARGE_EXIF = Image.Exif()
LARGE_EXIF[0x010E] = "x" * 60_000


def animation():
    frames = [smooth_picture(seed, mode="P") for seed in range(5)]
    return image_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])


def see_through():
    image = smooth_picture(mode="P")
    return image_bytes(image, "PNG", transparency=bytes(range(256)))


SOUND = {  # files with a picture
    "jpeg": JPEG,
    "progressive jpeg": image_bytes(smooth_picture(), "JPEG", progressive=True, **FULL),
    "grey jpeg": image_bytes(smooth_picture(mode="L"), "JPEG", **FULL),
    "cmyk jpeg": image_bytes(smooth_picture(mode="CMYK"), "JPEG", **FULL),
    "jpeg with a large exif": image_bytes(smooth_picture(), "JPEG", exif=LARGE_EXIF, **FULL),
    "jpeg with a broken exif": JPEG[:2]
    + b"\xff\xe1\x00\x10Exif\0\0\xff\xff\xff\xff\xff\xff"
    + b"\0\0"
    + JPEG[2:],
    "jpeg with an exif that ends early": JPEG[:2]
    + b"\xff\xe1\x00\x0eExif\0\0II*\0\xff\xff"
    + JPEG[2:],
    "jpeg with rubbish behind": JPEG + bytes(1000),
    "png": image_bytes(smooth_picture(), "PNG"),
    "png of 16 bits": image_bytes(
        Image.fromarray(np.asarray(smooth_picture(mode="L")).astype(np.uint16) * 257), "PNG"
    ),
    "png with a palette and alpha": see_through(),
    "png with alpha": image_bytes(smooth_picture(mode="RGBA"), "PNG"),
    "grey png with alpha": image_bytes(smooth_picture(mode="LA"), "PNG"),
    "black and white png": image_bytes(smooth_picture(mode="1"), "PNG"),
    "gif": image_bytes(smooth_picture(mode="P"), "GIF"),
    "animated gif": animation(),
    "webp": image_bytes(smooth_picture(), "WEBP"),
    "bmp": image_bytes(smooth_picture(), "BMP"),
    "tiff": image_bytes(smooth_picture(), "TIFF"),
    "tiff of 16 bits": image_bytes(
        Image.fromarray(np.asarray(smooth_picture(mode="L")).astype(np.uint16) * 257), "TIFF"
    ),
    "cmyk tiff": image_bytes(smooth_picture(mode="CMYK"), "TIFF"),
    "one pixel": image_bytes(smooth_picture(height=1, width=1), "PNG"),
    "one jpeg pixel": image_bytes(smooth_picture(height=1, width=1), "JPEG"),
    "a line": image_bytes(smooth_picture(height=1, width=5000), "PNG"),
    "a column": image_bytes(smooth_picture(height=5000, width=1), "JPEG"),
}

BROKEN = {  # files without one, and words of the reason
    "empty": (b"", "empty file"),
    "text": (b"not an image\n", "cannot identify the image format: it begins with b'not an image"),
    "html": (
        b"<!DOCTYPE html><html>404 Not Found</html>",
        "cannot identify the image format: it begins with b'<!DOCTYPE",
    ),
    "svg": (
        b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>',
        "cannot identify the image format",
    ),
    "eps": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch RAN) (w) file\n",
        "cannot identify",
    ),
    "pdf": (b"%PDF-1.4\n", "cannot identify the image format"),
    "psd": (
        b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(64),
        "cannot identify the image format",
    ),
    "wmf": (b"\xd7\xcd\xc6\x9a\0\0" + bytes(60), "cannot identify the image format"),
    "ico": (b"\0\0\1\0\1\0" + bytes(60), "cannot identify the image format"),
    "ppm": (b"P6 2 2 255\n" + bytes(12), "cannot identify the image format"),
    "zip": (b"PK\3\4" + bytes(60), "cannot identify the image format"),
    "zeros": (bytes(5000), "cannot identify the image format"),
    "jpeg without pixels": (JPEG[: JPEG.index(b"\xff\xda")], ""),
    "start of a jpeg": (JPEG[:2], ""),
    "jpeg without height": (with_sides(JPEG, 32, 0), ""),
    "jpeg of 65,535 pixels": (with_sides(JPEG, 65535, 65535), f"more than {MAX_PIXELS:,} pixels"),
    "jpeg of 10,000 pixels": (with_sides(JPEG, 10_000, 10_000), "10000×10000 pixels are too many"),
    "png of 20,000 pixels": (png(20_000, 20_000), f"more than {MAX_PIXELS:,} pixels"),
    "png of 10,000 pixels": (png(10_000, 10_000), "10000×10000 pixels are too many"),
    "png of 2 billion pixels": (png(2**31 - 1, 1), f"more than {MAX_PIXELS:,} pixels"),
    "png without rows": (png(32, 24), "image file is truncated"),
    "png without width": (png(0, 24), "cannot identify the image format"),
    "png with a text of 200 MB": (
        png(32, 24, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2 * 10**8)))),
        "",
    ),
    "gif of 20,000 pixels": (gif(20_000, 20_000), f"more than {MAX_PIXELS:,} pixels"),
    "bmp of 20,000 pixels": (bmp(20_000, 20_000), f"more than {MAX_PIXELS:,} pixels"),
    "tiff of 20,000 pixels": (tiff(20_000, 20_000), f"more than {MAX_PIXELS:,} pixels"),
    "tiff of numbers": (
        image_bytes(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"),
        "floating-point",
    ),
    "tiff of 32 bits": (
        image_bytes(Image.fromarray(np.full((4, 4), 2**20, np.int32)), "TIFF"),
        "more than 16 bits",
    ),
    "webp cut": (image_bytes(smooth_picture(), "WEBP")[:60], ""),
    "tiff cut": (image_bytes(smooth_picture(), "TIFF")[:300], ""),
    "gif cut": (image_bytes(smooth_picture(mode="P"), "GIF")[:-200], ""),
}


def make_source(root, files):
    root.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (root / name).write_bytes(data)
    return make_listing([("train", Path(name).stem, "c", name) for name in files], ["c"])


def pack(root, listing, folder, spec=CODECS["raw"], **options):
    build_store(listing, root, folder, spec | options, 1, progress=False)
    return Store(folder)


@pytest.mark.parametrize("codec", CODECS)
def test_every_file_with_a_picture_is_packed(tmp_path, codec):
    listing = make_source(tmp_path / "in", {f"{name}.JPEG": data for name, data in SOUND.items()})
    store = pack(tmp_path / "in", listing, tmp_path / "out", CODECS[codec])
    assert sorted(store.images["image"]) == sorted(SOUND)
    assert store.verify() == []
    for row in range(len(store)):
        assert store.image(row).dtype == np.uint8


SIDES = {"a line": {"height": 1, "width": 5000}, "a column": {"height": 5000, "width": 1}}


@pytest.mark.parametrize(
    "name", [name for name in SOUND if name not in ("one pixel", "one jpeg pixel")]
)
def test_pictures_look_as_they_should(name):
    """Brightness varies as in the picture: 16 bits are not white, a palette is not its numbers."""
    pixels = np.frombuffer(encoder(CODECS["raw"])(SOUND[name])[0], np.uint8).reshape(16, 16, 3)
    grey = smooth_picture(mode="L", **SIDES.get(name, {}))
    expected = np.asarray(grey.resize((16, 16), Image.Resampling.BILINEAR), float)
    assert np.corrcoef(pixels.mean(2).ravel(), expected.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("name", ["one pixel", "one jpeg pixel"])
def test_one_pixel_fills_its_record(name):
    pixels = np.frombuffer(encoder(CODECS["raw"])(SOUND[name])[0], np.uint8).reshape(-1, 3)
    expected = np.asarray(smooth_picture(height=1, width=1), float)[0, 0]
    assert np.abs(pixels - expected).max() <= 2  # of 255, as JPEG rounds


@pytest.mark.parametrize("codec", CODECS)
def test_every_file_without_a_picture_is_counted_and_named_with_a_reason(
    tmp_path, monkeypatch, codec
):
    monkeypatch.chdir(tmp_path)
    files = {f"{name}.JPEG": data for name, (data, _) in BROKEN.items()}
    listing = make_source(tmp_path / "in", {"sound.JPEG": JPEG, **files})
    with pytest.raises(
        UserError,
        match=rf"{len(BROKEN)} images cannot be read and `max_unreadable` is 0 \(.*unreadabl",
    ):
        pack(tmp_path / "in", listing, tmp_path / "out", CODECS[codec])
    store = pack(
        tmp_path / "in", listing, tmp_path / "out", CODECS[codec], max_unreadable=len(BROKEN)
    )
    assert list(store.images["image"]) == ["sound"]
    assert store.meta["num_unreadable"] == len(BROKEN)
    listed = pd.read_csv(tmp_path / "out/unreadable.csv").set_index("path")["reason"]
    assert set(listed.index) == set(files)
    assert not (tmp_path / "RAN").exists()


@pytest.mark.parametrize("name", BROKEN)
def test_the_reason_says_what_is_wrong(tmp_path, name):
    data, words = BROKEN[name]
    (tmp_path / "x.JPEG").write_bytes(data)
    for spec in CODECS.values():
        with pytest.raises(UnreadableImage) as caught:
            encoder(spec)(Files(tmp_path).read("x.JPEG"))
        reason = str(caught.value)
        assert words in reason
        assert 3 < len(reason) < 250 and "\n" not in reason and " object at 0x" not in reason


def test_bombs_are_refused_before_memory_is_taken(tmp_path):
    """All of them take seconds, in a process with little more memory than Python and NumPy."""
    bombs = [name for name in BROKEN if "pixels" in name or "MB" in name]
    for index, name in enumerate(bombs):
        (tmp_path / f"{index}.JPEG").write_bytes(BROKEN[name][0])
    program = (
        "import resource, sys, pathlib\n"
        "from imagenet_transfer.data.codecs import encoder, UnreadableImage\n"
        "encode = encoder({'codec': 'raw', 'size': 16})\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try: encode(path.read_bytes()); sys.exit(f'{path} was read')\n"
        "    except UnreadableImage: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    started = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", program, str(tmp_path)]
    said = subprocess.run(
        words, env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert len(bombs) >= 8
    assert int(said) < 300 * (1024 if sys.platform == "linux" else 2**20), "KiB on Linux"
    assert time.monotonic() - started < 40


def test_things_that_are_not_files_are_named(tmp_path):
    root = tmp_path / "in"
    names = ("folder", "pipe", "dangling", "endless", "socket", "circle", "absent")
    listing = make_source(root, {"sound.JPEG": JPEG, **{f"{name}.JPEG": b"x" for name in names}})
    for name in names:
        (root / f"{name}.JPEG").unlink()
    (root / "folder.JPEG").mkdir()
    os.mkfifo(root / "pipe.JPEG")
    (root / "dangling.JPEG").symlink_to("nowhere")
    (root / "endless.JPEG").symlink_to("/dev/zero")
    (root / "circle.JPEG").symlink_to("circle.JPEG")
    os.mknod(root / "socket.JPEG", 0o600 | 0o140000)
    store = within(20, lambda: pack(root, listing, tmp_path / "out", max_unreadable=len(names)))
    listed = pd.read_csv(tmp_path / "out/unreadable.csv").set_index("path")["reason"]
    assert len(store) == 1 and set(listed.index) == {f"{name}.JPEG" for name in names}
    assert listed["pipe.JPEG"] == "it is not a regular file but a pipe"
    assert listed["endless.JPEG"] == "it is not a regular file but a device"
    assert listed["dangling.JPEG"] == "No such file or directory"


def within(seconds, work):
    """Return what `work` returns; an error if it hangs."""

    def hangs(*_):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(seconds)
    try:
        return work()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_a_file_without_permission_is_named():
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    (folder / "x.JPEG").write_bytes(JPEG)
    (folder / "x.JPEG").chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)  # nobody: root may read everything
        with pytest.raises(UnreadableImage, match="Permission denied"):
            Files(folder).read("x.JPEG")
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


def test_a_file_larger_than_any_image_is_named(tmp_path):
    with (tmp_path / "x.JPEG").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UnreadableImage, match="more than 268,435,456 bytes"):
        Files(tmp_path).read("x.JPEG")


def test_a_shortage_of_memory_is_not_taken_for_a_bad_image(monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(MemoryError):
        encoder(CODECS["raw"])(JPEG)


# Properties


def judged(data, spec):
    """Return a file's record, or the reason why it has none; anything else is an error."""
    try:
        record, height, width = encoder(spec)(data)
    except UnreadableImage as error:
        assert 3 < len(str(error)) < 250 and "\n" not in str(error)
        return str(error)
    assert record and height > 0 and width > 0
    return record


KINDS = {
    "jpeg": image_bytes(smooth_picture(height=96, width=96), "JPEG", quality=95),
    "progressive": image_bytes(
        smooth_picture(height=96, width=96), "JPEG", quality=95, progressive=True
    ),
    "png": image_bytes(smooth_picture(height=96, width=96), "PNG"),
    "gif": image_bytes(smooth_picture(mode="P", height=96, width=96), "GIF"),
    "webp": image_bytes(smooth_picture(height=96, width=96), "WEBP"),
    "tiff": image_bytes(smooth_picture(height=96, width=96), "TIFF", compression="tiff_lzw"),
}


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data())
def test_a_cut_file_is_named(data):
    """Cut anywhere, except in the last bytes, which only mark the end."""
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    whole = KINDS[kind]
    tail = {"png": 24, "gif": 400, "tiff": 200}.get(kind, 12)
    cut = data.draw(st.integers(0, len(whole) - tail))
    for spec in (CODECS["raw"], CODECS["original"]):
        assert isinstance(judged(whole[:cut] or b"\0", spec), str), (kind, cut, len(whole))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=9),
)
def test_flipped_bits_are_packed_or_named(kind, flips):
    """Packed if the file still decodes; then the record decodes too."""
    damaged = bytearray(KINDS[kind])
    for at, mask in flips:
        damaged[at % len(damaged)] ^= mask
    for spec in (CODECS["raw"], CODECS["original"]):
        record = judged(bytes(damaged), spec)
        if isinstance(record, bytes) and spec["codec"] == "original":
            assert isinstance(judged(record, CODECS["raw"]), bytes)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20
