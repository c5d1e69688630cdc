"""Who acts: at present the experts, which know a solution of each scene."""

from .expert import expert_actions

__all__ = ["expert_actions"]
