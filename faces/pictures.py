"""Pictures of a bundle: its faces by age group, and how ages are spread over the splits."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from faces.bundle import N_AGE_GROUPS, Bundle
from faces.canvas import SIZE

_SHOWN_PER_GROUP = 16
_SCALE = 2
_LABEL_WIDTH = 110
_PLOT_WIDTH, _PLOT_HEIGHT, _MARGIN, _LINE = 800, 130, 60, 18
_INK, _PALE = (40, 40, 40), (190, 190, 190)
_BARS = {"retain": (76, 120, 168), "forget": (214, 92, 70), "val": (114, 160, 90), "test": (130, 100, 160)}


def contact_sheet(images: NDArray[np.uint8], columns: int, *, scale: int = _SCALE) -> Image.Image:
    """Return images, uint8 [n, 3, 32, 32], in one picture, row by row, each enlarged `scale` times."""
    rows = -(-len(images) // columns)
    tiles = np.full((rows * columns, 3, SIZE, SIZE), 255, np.uint8)
    tiles[: len(images)] = images
    sheet = tiles.reshape(rows, columns, 3, SIZE, SIZE).transpose(0, 3, 1, 4, 2)
    picture = Image.fromarray(np.ascontiguousarray(sheet.reshape(rows * SIZE, columns * SIZE, 3)))
    return picture.resize((columns * SIZE * scale, rows * SIZE * scale), Image.Resampling.NEAREST)


def age_group_sheet(bundle: Bundle) -> Image.Image:
    """Return a row of faces for each age group, spread evenly over its images in all splits.

    An unlabelled bundle has one row for each split instead.
    """
    if bundle.is_labelled:
        names = _group_names(bundle)
        of_image = np.concatenate([split.age_group for split in bundle.splits.values()])
    else:
        names = list(bundle.splits)
        of_image = np.repeat(np.arange(len(names)), [len(split) for split in bundle.splits.values()])
    images = np.concatenate([split.images for split in bundle.splits.values()])
    height = SIZE * _SCALE
    sheet = Image.new("RGB", (_LABEL_WIDTH + _SHOWN_PER_GROUP * height, len(names) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for row, name in enumerate(names):
        chosen = np.flatnonzero(of_image == row)
        draw.text((8, row * height + 12), f"{name}\n{len(chosen)} images", _INK, font=_font())
        if len(chosen):
            spread = np.unique(np.linspace(0, len(chosen) - 1, _SHOWN_PER_GROUP).round().astype(int))
            faces = contact_sheet(images[chosen[spread]], _SHOWN_PER_GROUP)
            sheet.paste(faces, (_LABEL_WIDTH, row * height))
    return sheet


def age_histogram(bundle: Bundle) -> Image.Image:
    """Return how many images each split has of each age in years, or of each age group if no ages are known.

    Raises:
        ValueError: the bundle is unlabelled.
    """
    if not bundle.is_labelled:
        raise ValueError("an unlabelled bundle has no ages to draw")
    by_year = bundle.labels["kind"] == "ages"
    values = {name: split.age if by_year else split.age_group for name, split in bundle.splits.items()}
    n_bars = 1 + max(int(value.max()) for value in values.values()) if by_year else N_AGE_GROUPS
    panel = _PLOT_HEIGHT + 3 * _LINE
    size = (_PLOT_WIDTH + 2 * _MARGIN, len(values) * panel + 2 * _LINE)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for index, (name, value) in enumerate(values.items()):
        counts = np.bincount(value, minlength=n_bars)
        top = index * panel + 2 * _LINE
        draw.text((_MARGIN, top - 1.5 * _LINE), f"{name}: {len(value)} images", _INK, font=_font())
        _draw_bars(draw, counts, top=top, colour=_BARS[name])
    axis = "age in years" if by_year else "age group"
    draw.text((size[0] / 2, size[1] - _LINE), axis, _INK, font=_font(), anchor="mm")
    return picture


def _draw_bars(
    draw: ImageDraw.ImageDraw, counts: NDArray[np.int64], *, top: int, colour: tuple[int, int, int]
) -> None:
    bottom, width = top + _PLOT_HEIGHT, _PLOT_WIDTH / len(counts)
    most = max(int(counts.max()), 1)
    draw.line((_MARGIN, top, _MARGIN + _PLOT_WIDTH, top), _PALE)
    draw.text((_MARGIN - 6, top), str(most), _INK, font=_font(), anchor="rm")
    draw.text((_MARGIN - 6, bottom), "0", _INK, font=_font(), anchor="rm")
    for bar, count in enumerate(counts.tolist()):
        left = _MARGIN + bar * width
        if count:
            top_of_bar = bottom - _PLOT_HEIGHT * count / most
            draw.rectangle((left + 1, top_of_bar, left + max(width - 1, 1), bottom), colour)
        if len(counts) <= N_AGE_GROUPS or bar % 10 == 0:
            middle = left + width / 2
            draw.text((middle, bottom + _LINE / 2), str(bar), _INK, font=_font(), anchor="mm")
    draw.line((_MARGIN, bottom, _MARGIN + _PLOT_WIDTH, bottom), _INK)


def _group_names(bundle: Bundle) -> list[str]:
    edges = bundle.manifest.get("age_groups", {}).get("edges")
    if edges is None:
        return [f"group {group}" for group in range(N_AGE_GROUPS)]
    return [f"{group}: {low:.4g}–{high:.4g}" for group, (low, high) in enumerate(pairwise(edges))]


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(13)
