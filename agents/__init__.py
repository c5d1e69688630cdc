"""Who acts: experts, planners that take any cost, the concept agent, and baselines."""

from .expert import expert_actions

__all__ = ["expert_actions"]
