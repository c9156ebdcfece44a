"""Chance that belongs to a row: the same id draws the same number, whatever the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

_KEY_BYTES = 16
_MANTISSA = 53


def uniform(ids: pd.Series[Any], purpose: str) -> Floats:
    """One number in (0, 1) for each id; another `purpose` is another, independent draw.

    `purpose` has 16 ASCII letters at most: it is the key of the hash.

    >>> uniform(pd.Series(["a", "b"]), "canary").round(3).tolist()
    [0.635, 0.563]
    >>> uniform(pd.Series(["b", "a"]), "canary").round(3).tolist()
    [0.563, 0.635]
    """
    if len(purpose) > _KEY_BYTES or not purpose.isascii():
        raise ValueError(f"{purpose!r} cannot name a draw: use at most {_KEY_BYTES} ASCII letters")
    key = purpose.ljust(_KEY_BYTES)
    hashed = pd.util.hash_array(ids.to_numpy(dtype=object), hash_key=key, categorize=False)
    return ((hashed >> np.uint64(64 - _MANTISSA)).astype(np.float64) + 0.5) * 2.0**-_MANTISSA


def log_normal(ids: pd.Series[Any], purpose: str, *, median: float, sigma: float) -> Floats:
    """One positive number for each id, log-normal about `median`; `sigma` is the spread of its logarithm."""
    return np.asarray(median * np.exp(sigma * ndtri(uniform(ids, purpose))), dtype=np.float64)
