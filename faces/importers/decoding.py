"""Decoding: one photograph of any size to 32 x 32 pixels, or why not."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, features

from faces.canvas import SIZE

FORMATS = ("JPEG", "PNG", "WEBP")

_DRAFT_SIZE = 4 * SIZE  # JPEGs are decoded at a half, a fourth or an eighth, but no smaller than this


class Resize(StrEnum):
    """How a picture that is not square becomes square."""

    CROP = "crop"  # the middle of it
    SQUEEZE = "squeeze"  # all of it


class UnreadableImageError(ValueError):
    """A file that is not a whole picture of a kind that Lethe reads; the message says what is wrong."""


def versions() -> dict[str, str]:
    """Return what the pixels of a decoded picture depend on, beside its file."""
    return {"pillow": PIL.__version__} | {
        name: features.version(name) or "none" for name in ("libjpeg_turbo", "zlib", "webp")
    }


@contextmanager
def strict_warnings() -> Iterator[None]:
    """Make a huge picture an error and silence Pillow's other warnings, in all threads that `decode`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(path: Path, resize: Resize) -> NDArray[np.uint8]:
    """Read a photograph.

    It is turned as its EXIF orientation says, made RGB (transparent parts white, 16 bits cut to 8), and
    scaled by antialiased bilinear interpolation.

    Args:
        path: a JPEG, PNG or WebP file; of several pictures in it the first is read.
        resize: what becomes of the sides of a picture that is not square.

    Returns:
        uint8 [3, 32, 32].

    Raises:
        UnreadableImageError: truncated, damaged, of another format, below 32 pixels on a side, or so large
            that Pillow takes it for a decompression bomb (above 89 million pixels).
        OSError: the file cannot be read at the moment, which says nothing of the picture in it.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if min(image.size) < SIZE:
                raise UnreadableImageError(
                    f"{image.width} x {image.height} pixels; at least {SIZE} x {SIZE} are needed"
                )
            fraction = image.draft(None, (_DRAFT_SIZE, _DRAFT_SIZE))
            # The last row and column of a fraction may be only partly the picture's.
            _, _, width, height = fraction[1] if fraction else (0, 0, *image.size)
            box = _box(width, height, resize)
            small = _rgb(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=box)
            small.info = image.info  # some conversions lose it, and the orientation with it
            pixels = np.asarray(ImageOps.exif_transpose(small))
    except (UnreadableImageError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImageError(f"it is no picture in {', '.join(FORMATS)}") from error
    except OSError as error:
        if error.errno is None:  # Pillow's own, of a damaged file
            raise UnreadableImageError(f"{type(error).__name__}: {error}") from error
        error.filename = error.filename or str(path)
        raise
    except Exception as error:  # damaged files raise whatever Pillow's plugins happen to run into
        raise UnreadableImageError(f"{type(error).__name__}: {error}") from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        samples = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(samples.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _box(width: float, height: float, resize: Resize) -> tuple[float, float, float, float]:
    """Return what of a picture is scaled; it lies in the middle, so the picture may be turned afterwards."""
    side = min(width, height)
    across, down = ((width - side) / 2, (height - side) / 2) if resize is Resize.CROP else (0.0, 0.0)
    return (across, down, width - across, height - down)
