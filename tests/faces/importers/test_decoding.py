"""Decoding: what becomes of a photograph's pixels, and files that are no photographs."""

import contextlib
import errno
import io
import os
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from faces.importers.decoding import Resize, UnreadableImageError, decode, strict_warnings
from tests.support import photographs

RED_LEFT = np.zeros((64, 96, 3), np.uint8)
RED_LEFT[:, :48, 0] = 255


@pytest.fixture(autouse=True)
def _as_in_an_import():
    with strict_warnings():
        yield


def decoded(tmp_path, picture, *, name="picture.png", resize=Resize.CROP, **options):
    picture.save(tmp_path / name, **options)
    return decode(tmp_path / name, resize)


def test_picture_of_32_pixels_stays_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for resize in Resize:
        image = decoded(tmp_path, Image.fromarray(pixels), resize=resize)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert np.array_equal(image, pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("portrait", [False, True])
def test_crop_takes_the_middle_and_squeeze_takes_all(tmp_path, portrait):
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = 255  # a white square between two black ones
    picture = Image.fromarray(wide.transpose(1, 0, 2) if portrait else wide)
    assert (decoded(tmp_path, picture, resize=Resize.CROP) == 255).all()
    squeezed = decoded(tmp_path, picture, resize=Resize.SQUEEZE)
    assert squeezed.mean() == pytest.approx(255 / 3, abs=2)


@pytest.mark.parametrize("side", [64, 200, 1100])
def test_jpeg_decoded_at_a_fraction_is_within_few_levels_of_the_whole(tmp_path, side):
    picture = photographs.portraits()[0].picture.resize((side, side), Image.Resampling.BICUBIC)
    image = decoded(tmp_path, picture, name="picture.jpg", quality=95).astype(int)
    whole = Image.open(tmp_path / "picture.jpg").resize((32, 32), Image.Resampling.BILINEAR)
    assert np.abs(image - np.asarray(whole).transpose(2, 0, 1)).max() <= 2


@pytest.mark.parametrize("name", ["picture.png", "picture.webp", "picture.jpg"])
@pytest.mark.parametrize("resize", Resize)
def test_exif_orientation_is_applied(tmp_path, name, resize):
    exif = Image.Exif()
    exif[274] = 6  # the camera lay on its side: what is left is up
    image = decoded(tmp_path, Image.fromarray(RED_LEFT), name=name, resize=resize, exif=exif)
    assert (image[0, :15] > 230).all()
    assert (image[0, 17:] < 25).all()


@pytest.mark.parametrize("mode", ["RGBA", "L", "I;16"])
def test_exif_orientation_is_applied_whatever_the_mode(tmp_path, mode):
    exif = Image.Exif()
    exif[274] = 6
    picture = Image.fromarray(RED_LEFT[..., 0]).convert(mode)
    if mode == "I;16":
        picture = Image.fromarray(RED_LEFT[..., 0].astype(np.uint16) * 257)
    image = decoded(tmp_path, picture, exif=exif)
    assert (image[:, :15] == 255).all()
    assert (image[:, 17:] == 0).all()


GREY = Image.new("L", (40, 40), 77)
MODES = {
    "grey": (GREY, (77, 77, 77)),
    "grey and alpha": (Image.merge("LA", (GREY, Image.new("L", (40, 40), 0))), (255, 255, 255)),
    "black and white": (Image.new("1", (40, 40), 1), (255, 255, 255)),
    "palette": (Image.new("RGB", (40, 40), (10, 20, 30)).quantize(4), (10, 20, 30)),
    "alpha": (Image.new("RGBA", (40, 40), (0, 0, 0, 51)), (204, 204, 204)),
    "16 bits": (Image.fromarray(np.full((40, 40), 0x4DFF, np.uint16)), (0x4D, 0x4D, 0x4D)),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb(tmp_path, mode):
    picture, colour = MODES[mode]
    assert (decoded(tmp_path, picture) == np.array(colour).reshape(3, 1, 1)).all()


def test_transparent_colour_of_a_palette_is_white(tmp_path):
    image = decoded(tmp_path, Image.new("RGB", (40, 40)).quantize(4), transparency=0)
    assert (image == 255).all()


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    image = decoded(tmp_path, Image.new("CMYK", (40, 40), (0, 255, 255, 0)), name="picture.jpg")
    assert np.abs(image.mean(axis=(1, 2)) - (255, 0, 0)).max() < 5


def test_webp_is_read(tmp_path):
    assert decoded(tmp_path, GREY, name="picture.webp").shape == (3, 32, 32)


def broken_files(folder):
    picture = photographs.portraits()[0].picture
    picture.save(folder / "truncated.jpg")
    picture.save(folder / "truncated.png")
    for name in ("truncated.jpg", "truncated.png"):
        photographs.truncated(folder / name)
    photographs.huge_png(folder / "huge.png")
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("a face")
    picture.save(folder / "picture.gif")
    picture.resize((31, 200)).save(folder / "narrow.png")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("truncated.jpg", "truncated"),
        ("truncated.png", "truncated"),
        ("huge.png", "decompression bomb"),
        ("empty.jpg", "no picture in JPEG, PNG, WEBP"),
        ("text.jpg", "no picture in JPEG, PNG, WEBP"),
        ("picture.gif", "no picture in JPEG, PNG, WEBP"),
        ("narrow.png", "31 x 200 pixels; at least 32 x 32 are needed"),
    ],
)
def test_file_that_is_no_whole_photograph_is_refused(tmp_path, name, message):
    broken_files(tmp_path)
    with pytest.raises(UnreadableImageError, match=message):
        decode(tmp_path / name, Resize.CROP)


@pytest.mark.parametrize("moment", ["open", "read"])
def test_file_that_cannot_be_read_for_now_is_no_fault_of_the_photograph(tmp_path, monkeypatch, moment):
    path = tmp_path / "a.png"
    photographs.portraits()[0].picture.save(path)

    def failing(*_args, **_options):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    target = (Image, "open") if moment == "open" else (PngImageFile, "load_prepare")
    monkeypatch.setattr(*target, failing)
    with pytest.raises(OSError, match="Input/output error") as caught:
        decode(path, Resize.CROP)
    assert caught.value.filename == str(path)


def test_picture_between_a_warning_and_an_error_of_pillow_is_refused(tmp_path):
    Image.new("1", (10_000, 9_000)).save(tmp_path / "large.png")
    with pytest.raises(UnreadableImageError, match="90000000 pixels"):
        decode(tmp_path / "large.png", Resize.CROP)


@pytest.fixture(scope="module")
def encoded():
    picture = photographs.portraits()[0].picture
    found = []
    for kind, options in (("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {})):
        file = io.BytesIO()
        picture.save(file, kind, **options)
        found.append(file.getvalue())
    return found


@given(kind=st.integers(0, 3), seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_damaged_file_gives_a_picture_or_is_refused(encoded, tmp_path_factory, kind, seed):
    rng, content = random.Random(seed), bytearray(encoded[kind])
    for _ in range(rng.choice([1, 3, 30])):
        content[rng.randrange(rng.choice([200, len(content)]))] = rng.randrange(256)
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: rng.randrange(len(content))] if rng.random() < 0.3 else content)
    with contextlib.suppress(UnreadableImageError):
        assert decode(path, Resize.CROP).shape == (3, 32, 32)
