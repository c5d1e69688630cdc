"""Planners that take any cost: model-predictive control by sampling and by gradients."""

from .concept_cost import ConceptCost, energy_cost, oracle_cost
from .cost import Collisions, Cost, Effort, Limits, Obstacles, Speed, Sum, weighted
from .dynamics import Dynamics, ParticleDynamics
from .mpc import MPC, Plan, Planner, shrinking
from .risk import conditional_risk, mean_risk, worst_risk
from .samplers import CEM, ICEM, MPPI, SAMPLERS, PredictiveSampling
from .trajectory import Context, Trajectory

__all__ = [
    "CEM",
    "ICEM",
    "MPC",
    "MPPI",
    "SAMPLERS",
    "Collisions",
    "ConceptCost",
    "Context",
    "Cost",
    "Dynamics",
    "Effort",
    "Limits",
    "Obstacles",
    "ParticleDynamics",
    "Plan",
    "Planner",
    "PredictiveSampling",
    "Speed",
    "Sum",
    "Trajectory",
    "conditional_risk",
    "energy_cost",
    "mean_risk",
    "oracle_cost",
    "shrinking",
    "weighted",
    "worst_risk",
]
