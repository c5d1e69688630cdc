"""Samplers of plans."""

from .base import Distribution, Sampler
from .cem import CEM, ICEM
from .mppi import MPPI
from .predictive import PredictiveSampling

SAMPLERS: dict[str, type[Sampler]] = {
    "predictive": PredictiveSampling,
    "mppi": MPPI,
    "cem": CEM,
    "icem": ICEM,
}
"""All samplers by name."""

__all__ = ["CEM", "ICEM", "MPPI", "SAMPLERS", "Distribution", "PredictiveSampling", "Sampler"]
