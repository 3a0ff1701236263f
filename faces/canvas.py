"""The canvas that faces are painted on: many pictures at once, in the coordinates of each one's head."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE = 32

_SCALE = 2  # painted at 64 x 64 and averaged, so that edges are smooth

Array = NDArray[np.floating[Any]]


class Canvas:
    """Pictures, n of them, all painted by the same strokes with numbers of their own.

    A number is float32 [n, 1, 1], a colour [n, 3, 1, 1] in 0..1, a field over the picture [n, 64, 64].

    Attributes:
        u, v: fields: across and down from the middle of the head; a head is about 2 high.
        pixel: the width of a pixel in these coordinates.
    """

    def __init__(self, background: Array, *, x: Array, y: Array, size: Array, angle: Array) -> None:
        """Fill each picture with a colour and lay the head's coordinates over it.

        Args:
            background: the colour.
            x: how far right the middle of the head is; a picture spans -1..1.
            y: how far down it is.
            size: half the height of the head.
            angle: how far the head is turned clockwise, radians.
        """
        side = SIZE * _SCALE
        axis = (np.arange(side, dtype=np.float32) + 0.5) / side * 2.0 - 1.0
        across, down = axis[None, None, :] - x, axis[None, :, None] - y
        self.u: Array = (across * np.cos(angle) + down * np.sin(angle)) / size
        self.v: Array = (down * np.cos(angle) - across * np.sin(angle)) / size
        self.pixel: Array = 2.0 / side / size
        self._pixels: Array = np.empty((len(background), 3, side, side), np.float32)
        self._pixels[:] = background

    def cover(self, distance: Array) -> Array:
        """Return how much of each pixel a shape covers, 0..1, from the signed distance to its edge."""
        covered: Array = np.clip(0.5 - distance / self.pixel, 0.0, 1.0)
        return covered

    def ellipse(self, u: Array, v: Array, radius_u: Array | float, radius_v: Array | float) -> Array:
        """Return the cover of an ellipse whose middle is where u and v are 0."""
        r: Array = np.sqrt((u / radius_u) ** 2 + (v / radius_v) ** 2)
        return self.cover((r - 1.0) * np.minimum(radius_u, radius_v))

    def line(self, u: Array, v: Array, half: Array | float, thickness: Array | float) -> Array:
        """Return the cover of a line along v = 0 from u = -half to half that fades to its ends."""
        fade = np.clip(1.3 - 1.3 * np.abs(u) / half, 0.0, 1.0)
        covered: Array = fade * np.clip(1.0 - np.abs(v) / (thickness + self.pixel), 0.0, 1.0)
        return covered

    def paint(self, colour: Array, cover: Array) -> None:
        """Lay a colour over the pictures where `cover` is above 0."""
        self._pixels += cover[:, None] * (colour - self._pixels)

    def shade(self, factor: Array) -> None:
        """Multiply all channels by a field."""
        self._pixels *= factor[:, None]

    def averaged(self) -> Array:
        """Return the pictures, float32 [n, 3, 32, 32], about 0..1."""
        pixels = self._pixels.reshape(len(self._pixels), 3, SIZE, _SCALE, SIZE, _SCALE)
        averaged: Array = pixels.mean(axis=(3, 5))
        return averaged
