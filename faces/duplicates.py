"""Duplicates: images that show the same picture, be it recompressed or in another light."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from faces.canvas import SIZE

_HASH_SIDE = 8
_MAX_DISTANCE = 4  # bits of 64; recompressed and slightly noisy copies are within it
_MIN_CORRELATION = 0.98  # what unrelated faces within that distance do not reach
_MAX_CANDIDATES = 16  # compared in full per image, so that a thousand copies do not take a million times
_CHUNK = 4  # images whose distances to 100,000 others fit in the processor's cache
_HASHED_AT_ONCE = 4096
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

Report = Callable[[int], object]


def find_twins(images: NDArray[np.uint8], *, report: Report = lambda _: None) -> NDArray[np.int64]:
    """Return for each image an earlier one that shows the same.

    Two images are the same if at most 4 bits of their perceptual hashes differ and their brightness
    correlates to at least 0.98. Shifted and cropped copies are not found.

    Args:
        images: uint8 [n, 3, 32, 32]. Time grows with n squared, memory beyond them with n.
        report: called now and then with the number of images that were added to those done.

    Returns:
        int64 [n], below the image's own index; -1 where there is none.
    """
    hashes = perceptual_hashes(images)
    twins = np.full(len(images), -1, np.int64)
    for start in range(0, len(images), _CHUNK):
        stop = min(start + _CHUNK, len(images))
        distances = np.bitwise_count(hashes[start:stop, None] ^ hashes[None, :stop])
        # On one axis, where NumPy looks for the few that hold ten times as fast as on two.
        rows, earlier = np.divmod(np.flatnonzero(distances <= _MAX_DISTANCE), stop)
        later, earlier = _first_of_each(rows + start, earlier)
        is_same = correlation(images[later], images[earlier]) >= _MIN_CORRELATION
        # Written backwards, so that the earliest twin of an image is the one that stays.
        twins[later[is_same][::-1]] = earlier[is_same][::-1]
        report(stop - start)
    return twins


def perceptual_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return pHash: which of the 8 x 8 lowest frequencies of the brightness are above their median.

    Args:
        images: uint8 [n, 3, 32, 32], which is the size that pHash works at.

    Returns:
        uint64 [n].
    """
    hashes = np.empty(len(images), np.uint64)
    for start in range(0, len(images), _HASHED_AT_ONCE):
        chunk = _brightness(images[start : start + _HASHED_AT_ONCE])
        frequencies = dctn(chunk, axes=(1, 2))[:, :_HASH_SIDE, :_HASH_SIDE].reshape(len(chunk), -1)
        bits = frequencies > np.median(frequencies, axis=1, keepdims=True)
        hashes[start : start + len(chunk)] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return hashes


def _brightness(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    luma: NDArray[np.float32] = np.einsum("nchw,c->nhw", images, _LUMA, dtype=np.float32)
    return luma


def correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how alike the brightness of n pairs of images is, whatever their contrast and exposure.

    Args:
        one: uint8 [n, 3, 32, 32], the first of each pair.
        other: the same, the second.

    Returns:
        float64 [n], -1..1: 1 if both are of one even brightness, 0 if one of them is.
    """
    a, b = (_brightness(images).reshape(-1, SIZE * SIZE).astype(np.float64) for images in (one, other))
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    norms = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products = (a * b).sum(axis=1)
    both_even = (a == 0).all(axis=1) & (b == 0).all(axis=1)
    result: NDArray[np.float64] = np.divide(products, norms, out=both_even.astype(float), where=norms > 0)
    return result


def _first_of_each(
    later: NDArray[np.int64], earlier: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs, sorted, in which `earlier` comes first, up to 16 for each of `later`."""
    is_pair = earlier < later
    later, earlier = later[is_pair], earlier[is_pair]
    is_first = np.arange(len(later)) - np.searchsorted(later, later) < _MAX_CANDIDATES
    return later[is_first], earlier[is_first]
