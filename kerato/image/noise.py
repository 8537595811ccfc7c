"""Noise put on pictures, and how far two pictures are apart (book 7.4). Every draw is keyed by its seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kerato.errors import invalid
from kerato.image.arrays import Picture, at_least, checked, like, signed


def gaussian_noise(picture: ArrayLike, sigma: float = 20.0, seed: int = 0) -> Picture:
    """The picture plus normal noise, clipped to its dtype: same shape and dtype.

    sigma: standard deviation of the noise in the picture's own units, >= 0.
    seed: the same seed gives the same noise.

    Raises: InvalidValue for a negative sigma.
    Source: book 7.4.
    """
    array = checked("gaussian_noise", picture)
    noise = np.random.default_rng(seed).normal(0.0, at_least("gaussian_noise", "sigma", sigma, 0), array.shape)
    return like(signed(array) + noise, array)


def salt_and_pepper(picture: ArrayLike, share: float = 0.05, seed: int = 0) -> Picture:
    """The picture with a share of its pixels black or white: same shape and dtype.

    share: 0 to 1; half of it becomes the smallest value of the dtype (of floats 0), half the largest (1).
    seed: the same seed gives the same noise.

    Raises: InvalidValue for a share outside 0..1.
    Source: book 7.4.
    """
    array = checked("salt_and_pepper", picture).copy()
    if not 0 <= share <= 1:
        raise invalid("salt_and_pepper", "share", "a number from 0 to 1", share)
    draw = np.random.default_rng(seed).random(array.shape[:2])
    whole_numbers = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
    array[draw < share] = whole_numbers.max if whole_numbers else 1
    array[draw < share / 2] = whole_numbers.min if whole_numbers else 0
    return array


def psnr(picture: ArrayLike, reference: ArrayLike, peak: float | None = None) -> float:
    """Peak signal-to-noise ratio 10 log10(peak^2 / mean squared error) in dB; infinite for equal pictures.

    peak: the largest possible value; by default 255 for uint8, 65535 for uint16, else 1.

    Raises: InvalidValue for pictures of different shape or a peak that is not above 0.
    Source: book 7.4 and 8.5.
    """
    first, second = checked("psnr", picture), checked("psnr", reference)
    if first.shape != second.shape:
        raise invalid("psnr", "reference", f"of the picture's shape {first.shape}", second)
    largest = float(np.iinfo(first.dtype).max if first.dtype.kind in "iu" else 1) if peak is None else peak
    if at_least("psnr", "peak", largest, 0) == 0:
        raise invalid("psnr", "peak", "a number > 0", peak)
    error = float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(largest**2 / error))
