"""The drawing of a synthetic face: portraits in numbers to pictures, all of them at once."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from faces.canvas import Array, Canvas

_CHUNK = 8  # portraits whose canvas fits in the processor's cache
_CAMERA_NOISE = 0.012


def _colour(red: float, green: float, blue: float) -> Array:
    return np.array([red, green, blue], np.float32).reshape(1, 3, 1, 1)


_SILVER = _colour(0.84, 0.84, 0.85)
_SALLOW = _colour(1.15, 1.0, 0.88)
_EYE_WHITE = _colour(0.93, 0.92, 0.90)
_LIPS = _colour(0.82, 0.55, 0.55)
_FRAME = _colour(0.12, 0.10, 0.10)


@dataclass(frozen=True)
class Portraits:
    """What each of n pictures shows; float32 [n], or [n, 3] for a colour of 0..1.

    Attributes:
        age: apparent age in years; with the person's traits it decides all that ageing changes.
        skin, hair, iris: the person's colours; `hair` before it greys.
        head, jaw, eyes, gap, brow, nose, mouth: the person's proportions, about -1..1.
        balding: 0..1, how far the hair line goes back in old age.
        long_hair, beard, glasses: 0 or 1.
        yaw, pitch, roll, shift_x, shift_y, zoom, smile: the pose of this picture, about -1..1.
        light_x, light_y, exposure: its light, about -1..1.
        background, clothes: its colours.
    """

    age: Array
    skin: Array
    hair: Array
    iris: Array
    head: Array
    jaw: Array
    eyes: Array
    gap: Array
    brow: Array
    nose: Array
    mouth: Array
    balding: Array
    long_hair: Array
    beard: Array
    glasses: Array
    yaw: Array
    pitch: Array
    roll: Array
    shift_x: Array
    shift_y: Array
    zoom: Array
    smile: Array
    light_x: Array
    light_y: Array
    exposure: Array
    background: Array
    clothes: Array

    def __len__(self) -> int:
        return len(self.age)

    def chunk(self, start: int, stop: int) -> Self:
        """Return the portraits start..stop - 1, each number as [n, 1, 1] and each colour as [n, 3, 1, 1]."""
        return type(self)(*(getattr(self, field.name)[start:stop, ..., None, None] for field in fields(self)))


def draw(portraits: Portraits, *, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Draw portraits.

    Args:
        portraits: what to draw.
        generator: draws the camera's noise.

    Returns:
        uint8 [n, 3, 32, 32], RGB.
    """
    starts = range(0, len(portraits), _CHUNK)
    pictures = np.concatenate([_Painter(portraits.chunk(start, start + _CHUNK)).paint() for start in starts])
    noisy = pictures + generator.normal(0.0, _CAMERA_NOISE, pictures.shape)
    return np.rint(np.clip(noisy, 0.0, 1.0) * 255.0).astype(np.uint8)


class _Painter:
    """Paints one chunk of portraits, feature by feature, from back to front."""

    def __init__(self, portraits: Portraits) -> None:
        p = portraits
        self.p = p
        # How far each kind of ageing has gone, 0..1.
        self.child = np.clip(1.0 - p.age / 20.0, 0.0, 1.0)
        self.grey = np.clip((p.age - 33.0) / 48.0, 0.0, 1.0)
        self.wrinkled = np.clip((p.age - 25.0) / 60.0, 0.0, 1.0)
        self.old = np.clip((p.age - 50.0) / 45.0, 0.0, 1.0)
        self.skin = _mixed(p.skin, p.skin.mean(axis=1, keepdims=True) * _SALLOW, 0.45 * self.old)
        self.hair = _mixed(p.hair, _SILVER, self.grey)
        self.canvas = Canvas(
            p.background,
            x=0.10 * p.shift_x,
            y=0.08 * p.shift_y + 0.02 + 0.12 * self.child,
            size=(0.74 - 0.20 * self.child**0.8) * (1.0 + 0.07 * p.zoom),
            angle=0.16 * p.roll,
        )
        self.u, self.v = self.canvas.u, self.canvas.v
        self.radius = 0.66 + 0.05 * p.head + 0.13 * self.child
        self.eye_level = -0.06 + 0.24 * self.child
        # The face moves over the head as it turns; children have theirs lower.
        self.face_u = self.u - 0.16 * p.yaw
        self.face_v = self.v - 0.07 * p.pitch - self.eye_level

    def paint(self) -> Array:
        """Return the pictures, float32 [n, 3, 32, 32], about 0..1."""
        self._paint_body()
        head = self._paint_head()
        self._paint_wrinkles()
        self._paint_eyes()
        self._paint_nose()
        self._paint_mouth()
        self._paint_beard(head)
        self._paint_hair()
        self._paint_glasses()
        u, v = np.clip(self.u, -1.0, 1.0), np.clip(self.v, -1.0, 1.0)
        light = 0.12 * self.p.exposure + 0.18 * (self.p.light_x * u + self.p.light_y * v)
        self.canvas.shade(1.0 + light)
        return self.canvas.averaged()

    def _paint_body(self) -> None:
        c, u, v = self.canvas, self.u, self.v
        long_hair = self.p.long_hair * np.clip(self.p.age / 6.0 - 0.5, 0.0, 1.0)
        c.paint(self.hair * 0.85, long_hair * c.ellipse(u, v - 0.15, self.radius + 0.14, 1.05))
        c.paint(self.skin * 0.78, c.cover(np.abs(u) - 0.36 + 0.10 * self.child) * (v > 0.3))
        c.paint(self.p.clothes, c.ellipse(u, v - 1.75, 1.15 - 0.25 * self.child, 0.72))

    def _paint_head(self) -> Array:
        """Return how much of each pixel the head covers."""
        c, u, v = self.canvas, self.u, self.v
        for side in (-1.0, 1.0):
            ear_u, ear_v = u - side * self.radius, v - self.eye_level - 0.08
            c.paint(self.skin * 0.88, c.ellipse(ear_u, ear_v, 0.09 + 0.02 * self.old, 0.15 + 0.05 * self.old))
        taper = 0.24 - 0.08 * self.p.jaw - 0.12 * self.child - 0.14 * self.old
        width = self.radius * (1.0 - taper * np.clip(v, 0.0, 1.0) ** 2)
        r = np.sqrt((u / width) ** 2 + (v / (0.93 - 0.08 * self.child)) ** 2)
        head = c.cover((r - 1.0) * self.radius)
        c.paint(self.skin, head)
        c.paint(self.skin * 0.62, head * 0.55 * np.clip(r, 0.0, 1.0) ** 5)
        return head

    def _paint_wrinkles(self) -> None:
        c, u, v = self.canvas, self.face_u, self.face_v
        crease = self.skin * 0.45
        for i in range(3):
            depth = np.clip(1.6 * self.wrinkled - 0.2 * i, 0.0, 1.0)
            level = v + 0.32 + 0.11 * i - 0.06 * u * u
            c.paint(crease, 0.55 * depth * c.line(u, level, 0.42, 0.012))
        for side in (-1.0, 1.0):
            s = side * u
            fold = c.line(v - 0.46, s - 0.20 - 0.42 * (v - 0.36), 0.22, 0.015)
            bag = c.line(s - 0.27, v - 0.15 + 0.5 * (s - 0.27) ** 2, 0.15, 0.02)
            jowl = c.line(v - 0.72, s - 0.34 + 0.3 * (v - 0.72), 0.18, 0.03)
            c.paint(crease, self.wrinkled * (0.75 * fold + 0.70 * bag))
            c.paint(crease, 0.5 * self.old * jowl)
            for slope in (-0.5, 0.1, 0.7):
                crows_foot = c.line(s - 0.50, v - 0.02 - slope * (s - 0.42), 0.10, 0.008)
                c.paint(crease, 0.6 * self.old * crows_foot)

    def _paint_eyes(self) -> None:
        c, p, v = self.canvas, self.p, self.face_v
        width = 0.135 + 0.015 * p.eyes + 0.035 * self.child
        height = 0.072 + 0.012 * p.eyes + 0.055 * self.child - 0.03 * self.old
        iris = 0.065 + 0.025 * self.child
        for side in (-1.0, 1.0):
            s = side * self.face_u - (0.29 + 0.03 * p.gap + 0.03 * self.child)
            socket = c.ellipse(s, v + 0.02, width + 0.04, height + 0.04)
            c.paint(self.skin * 0.72, socket * (0.35 + 0.3 * self.old))
            white = c.ellipse(s, v, width, height)
            c.paint(_EYE_WHITE, white)
            c.paint(p.iris, white * c.ellipse(s, v, iris, iris))
            c.paint(p.iris * 0.15, white * c.ellipse(s, v, 0.5 * iris, 0.5 * iris))
            lid = v + height * (1.0 - (s / width) ** 2) - 0.25 * self.old * np.clip(s, 0.0, 1.0)
            c.paint(self.skin * 0.3, 0.8 * c.line(s, lid, width + 0.03, 0.015))
            arch = v + 0.19 + 0.05 * self.child + 0.25 * s * s - 0.015 * p.brow
            brow = c.line(s, arch, 0.20 - 0.04 * self.child, 0.03 + 0.02 * p.brow - 0.015 * self.child)
            c.paint(self.hair * 0.8, (0.85 - 0.4 * self.child) * brow)

    def _paint_nose(self) -> None:
        c, p = self.canvas, self.p
        u = self.face_u - 0.04 * p.yaw  # stands out, so it moves further than the face
        length = 0.36 + 0.04 * p.nose - 0.13 * self.child + 0.05 * self.old
        width = 0.11 + 0.025 * p.nose - 0.03 * self.child + 0.03 * self.old
        bridge = c.line(self.face_v - 0.5 * length, u - 0.05 - 0.03 * p.yaw, 0.5 * length, 0.02)
        c.paint(self.skin * 0.70, (0.55 - 0.35 * self.child) * bridge)
        v = self.face_v - length
        c.paint(self.skin * 1.12, 0.6 * c.ellipse(u, v + 0.05, 0.6 * width, 0.06))
        c.paint(self.skin * 0.5, 0.8 * c.line(u, v - 0.02 + 0.8 * u * u, width + 0.03, 0.025))

    def _paint_mouth(self) -> None:
        c, p, u = self.canvas, self.p, self.face_u
        half = 0.25 + 0.035 * p.mouth - 0.06 * self.child
        v = self.face_v - 0.60 + 0.11 * self.child - 0.03 * self.old
        v = v + (0.7 + 0.8 * p.smile) * (u * u - 0.03)
        c.paint(self.skin * _LIPS, c.line(u, v, half, 0.075 - 0.02 * self.child - 0.04 * self.old))
        c.paint(self.skin * 0.35, 0.85 * c.line(u, v, half, 0.008))

    def _paint_beard(self, head: Array) -> None:
        c, u = self.canvas, self.face_u
        grown = self.p.beard * np.clip(self.p.age / 6.0 - 3.0, 0.0, 1.0)
        below = np.clip(8.0 * (self.v - 0.47 + 0.5 * np.abs(u)), 0.0, 1.0)
        mouth = c.ellipse(u, self.face_v - 0.60, 0.24, 0.09)
        c.paint(self.hair * 0.9, 0.85 * grown * head * below * (1.0 - mouth))

    def _paint_hair(self) -> None:
        c, p, u, v = self.canvas, self.p, self.u, self.v
        # Between an ellipse and a box, as hair is fuller at the corners of the skull.
        across, up = (u / (self.radius + 0.08)) ** 2, ((v + 0.03) / (0.99 - 0.06 * self.child)) ** 2
        cap = c.cover((np.sqrt(np.sqrt(across * across + up * up + across * up)) - 1.0) * self.radius)
        receded = p.balding * np.clip((p.age - 22.0) / 45.0, 0.0, 1.0)
        top = -0.50 - 0.04 * p.head + 0.06 * self.child - 0.55 * receded
        line = top - (0.02 + top) * (np.abs(u - 0.06 * p.yaw) / self.radius) ** 2.2
        cover = cap * c.cover(v - 0.03 * p.pitch - line)
        grown = np.clip(0.15 + p.age / 3.0, 0.0, 1.0)
        strands = 0.06 * np.sin(31.0 * u + 9.0 * v * v) * grown - 0.25 * up * across
        shine = 0.15 * np.clip(1.0 - np.abs(v + 0.68 - 0.4 * across) / 0.12, 0.0, 1.0)
        c.paint(self.hair * (1.0 + strands + shine)[:, None], grown * (1.0 - 0.35 * self.old) * cover)

    def _paint_glasses(self) -> None:
        c, u, v = self.canvas, self.face_u, self.face_v - 0.02
        frame = c.line(u, v + 0.03, 0.14, 0.015)
        for side in (-1.0, 1.0):
            r = np.sqrt((side * u - 0.29) ** 2 + 1.3 * v * v)
            frame = np.maximum(frame, np.clip(1.0 - np.abs(r - 0.20) / (0.02 + c.pixel), 0.0, 1.0))
        c.paint(_FRAME, self.p.glasses * 0.85 * frame)


def _mixed(one: Array, other: Array, share: Array) -> Array:
    """Return the colour `share`, [n, 1, 1], of the way from one colour to another."""
    return one + share[:, None] * (other - one)
