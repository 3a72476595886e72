# SPDX-License-Identifier: Apache-2.0
"""Medians with their spread.  All ratios of the suite are made within a round
first and summarized over the rounds after: what disturbed one round disturbed
both sides of its ratio."""
from collections import namedtuple
from statistics import median

Summary = namedtuple("Summary", "median low high n")


def summary(values):
    """Of the values that there are; None if there are none."""
    values = [v for v in values if v is not None]
    if not values:
        return None
    return Summary(median(values), min(values), max(values), len(values))


def ratio(a, b):
    """a / b, or None where there is no such number."""
    if a is None or b is None or b == 0:
        return None
    return a / b


def ratios(above, below):
    """Summary of the ratios of two lists that run over the same rounds."""
    return summary([ratio(a, b) for a, b in zip(above, below)])
