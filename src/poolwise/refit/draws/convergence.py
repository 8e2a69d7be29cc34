"""Whether chains have mixed: rank-normalised split R-hat, bulk and tail effective sample size, E-BFMI.

For draws z of m chains, each split in two, W the mean within-chain and B the between-chain variance of n draws:

    R-hat = sqrt(((n - 1) / n W + B / n) / W)
    ESS   = m n / (1 + 2 sum of autocorrelations), summed by Geyer's initial monotone pairs

both on normal scores of ranks (bulk), R-hat also on those of |z - median|, tail ESS on indicators of the 5 and 95 %
quantiles. Source: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021); E-BFMI: Betancourt (2016). All quantities
at once, so that thousands of cells cost no loop; `tests/refit/draws/test_convergence.py` holds it to ArviZ.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata


class Mixing(NamedTuple):
    """One value per quantity; (k,)."""

    r_hat: np.ndarray
    bulk: np.ndarray
    tail: np.ndarray


def mixing(draws: np.ndarray) -> Mixing:
    """draws: (chains, draws, k), at least 4 draws. A quantity that never moved has R-hat and ESS of NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = _split(draws)
        scores = _normal_scores(parts)
        folded = _normal_scores(np.abs(parts - np.median(parts, axis=(0, 1))))
        low, high = (_split((draws <= np.quantile(draws, q, axis=(0, 1))) * 1.0) for q in (0.05, 0.95))
        found = Mixing(
            np.fmax(_r_hat(scores), _r_hat(folded)),
            _effective(scores),
            np.fmin(_effective(low), _effective(high)),
        )
    still = np.ptp(draws, axis=(0, 1)) == 0
    return Mixing(*(np.where(still, np.nan, part) for part in found))


def e_bfmi(energy: np.ndarray) -> np.ndarray:
    """(chains,) from the energies (chains, draws): how far momentum resampling moves the energy, against its spread."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.square(np.diff(energy, axis=1)).mean(axis=1) / energy.var(axis=1, ddof=1)


def _split(draws: np.ndarray) -> np.ndarray:
    """Every chain as two halves; of an odd number of draws the middle one is left out."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _normal_scores(parts: np.ndarray) -> np.ndarray:
    chains, n, k = parts.shape
    ranks = rankdata(parts.reshape(-1, k), method="average", axis=0)
    return ndtri((ranks - 0.375) / (chains * n + 0.25)).reshape(parts.shape)


def _r_hat(parts: np.ndarray) -> np.ndarray:
    n = parts.shape[1]
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = n * parts.mean(axis=1).var(axis=0, ddof=1)
    return np.sqrt((between / within + n - 1) / n)


def _effective(parts: np.ndarray) -> np.ndarray:
    chains, n, _ = parts.shape
    covariance = _autocovariance(parts)
    mean = covariance[:, 0].mean(axis=0) * n / (n - 1)
    total = mean * (n - 1) / n + (parts.mean(axis=1).var(axis=0, ddof=1) if chains > 1 else 0)
    correlation = 1 - (mean - covariance.mean(axis=0)) / total
    correlation[0] = 1.0
    pairs = correlation[: n // 2 * 2].reshape(n // 2, 2, -1).sum(axis=1)
    # Geyer: sums of neighbours are positive and fall; noise beyond the first that is not ends the sum.
    alive = np.cumprod(pairs > 0, axis=0).astype(bool)
    pairs = np.minimum.accumulate(np.where(alive, pairs, 0.0), axis=0)
    tau = -1 + 2 * pairs.sum(axis=0)
    return chains * n / np.maximum(tau, 1 / np.log10(chains * n))


def _autocovariance(parts: np.ndarray) -> np.ndarray:
    """(chains, n, k) by the fast Fourier transform, divided by n."""
    n = parts.shape[1]
    centred = parts - parts.mean(axis=1, keepdims=True)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size, axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :n] / n
