"""Samples of a sound -> log-mel frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import gcd

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError

#: Added to the power of a band before the logarithm: some 60 dB below full scale.
FLOOR = 1e-6
#: Of a frame.
MOST_SAMPLES = 1 << 18


@dataclass(frozen=True)
class FrameLayout:
    """What the frames of a set of sounds are.

    Attributes:
        rate: Samples a second.
        bands: Mel bands.
        window_ms: Length of a frame.
        hop_ms: From frame to frame.
    """

    rate: int
    bands: int
    window_ms: float
    hop_ms: float

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return max(2, round(self.rate * self.window_ms / 1000))

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return max(1, round(self.rate * self.hop_ms / 1000))


def check_layout(layout: FrameLayout) -> FrameLayout:
    """Refuse frames that cannot be cut, or bands of which a spectrum has not as many.

    Raises:
        UserError: names the option.
    """
    rate, frequencies = layout.rate, fft_size(layout.window) // 2 + 1
    if layout.window_ms * rate < 2000:
        raise UserError(f"data.window_ms: {layout.window_ms:g} ms are fewer than 2 samples at {rate:,} a second")
    if layout.hop_ms * rate < 500:
        raise UserError(f"data.hop_ms: {layout.hop_ms:g} ms are less than a sample at {rate:,} a second")
    if layout.window > MOST_SAMPLES:
        raise UserError(
            f"data.window_ms: {layout.window_ms:g} ms are {layout.window:,} samples at {rate:,} a second; a frame has "
            f"at most {MOST_SAMPLES:,}"
        )
    if layout.bands > frequencies:
        raise UserError(
            f"data.bands: {layout.bands:,} bands of a spectrum of {frequencies:,} frequencies (frames of "
            f"{layout.window:,} samples); give fewer, or a longer data.window_ms"
        )
    return layout


def log_mel(samples: np.ndarray, layout: FrameLayout) -> np.ndarray:
    """[n] samples in -1..1 -> [1 + (n - window) // hop, bands] float32, the logarithm of the power in each band.

    The power spectrum of Hann windows, by ``torch.stft``, through triangular bands on the mel scale. A sound shorter
    than a window is one frame.
    """
    window, wave = layout.window, torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
    if len(wave) < window:
        wave = torch.nn.functional.pad(wave, (0, window - len(wave)))
    size = fft_size(window)
    left = (size - window) // 2  # torch centres a window that is shorter than its transform
    padded = torch.nn.functional.pad(wave, (left, size - window - left))
    shape = torch.hann_window(window)
    spectrum = torch.stft(padded, size, layout.hop, window, window=shape, center=False, return_complex=True)
    frames = 1 + (len(wave) - window) // layout.hop
    power = spectrum.abs().square()[:, :frames] / window
    return (mel_bands(layout.rate, size, layout.bands) @ power + FLOOR).log().T.contiguous().numpy()


def fft_size(window: int) -> int:
    """The power of two from the window on."""
    return 1 << (window - 1).bit_length()


@cache
def mel_bands(rate: int, size: int, bands: int) -> Tensor:
    """[bands, size // 2 + 1], triangles evenly spaced in ``2595 log10(1 + f / 700)`` from 0 to half of the rate.

    A band so narrow that it holds no frequency of the spectrum takes the nearest one.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    frequencies = np.arange(size // 2 + 1) * rate / size
    rise = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(0, np.minimum(rise, fall))
    for band in np.flatnonzero(weights.sum(axis=1) == 0):
        weights[band, np.abs(frequencies - edges[band + 1]).argmin()] = 1
    return torch.from_numpy(weights.astype(np.float32))


def resampled_to(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """[n] samples at another rate, by a polyphase filter; at least one."""
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    common = gcd(rate, wanted)
    return resample_poly(samples, wanted // common, rate // common)
