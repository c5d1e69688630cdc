"""Random scenes for the tests of the energy."""

from __future__ import annotations

import torch
from conceptgym.concepts.energy.network import NetworkConfig, RelationalEnergy
from conceptgym.concepts.energy.paper import PaperEnergy
from conceptgym.concepts.energy.scene import Example, Scene

SMALL = NetworkConfig(code=6, pair=10, message=5, node=12)


def example(batch: int = 3, steps: int = 1, width: int = 5, padding: int = 0, seed: int = 0) -> Example:
    """Events with a marked, movable agent and two attended entities, in float64."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    present = torch.ones(batch, width, dtype=torch.float64)
    nodes = torch.cat([uniform(batch, width, 4), torch.zeros(batch, width, 2)], dim=-1).double()
    nodes[:, 0, 4:] = 1.0
    attention = torch.zeros(batch, width, dtype=torch.float64)
    attention[:, 1:3] = 1.0
    positions = 2 * uniform(batch, steps + 1, width, 2) - 1
    if padding:
        nodes = torch.nn.functional.pad(nodes, (0, 0, 0, padding))
        present = torch.nn.functional.pad(present, (0, padding))
        attention = torch.nn.functional.pad(attention, (0, padding))
        positions = torch.nn.functional.pad(positions, (0, 0, 0, padding))
    seconds = torch.full((batch,), 0.25 * steps if steps > 1 else 0.0, dtype=torch.float64)
    return Example(Scene(nodes, present, seconds), positions, attention)


def energy(form: str = "relational", seed: int = 0) -> torch.nn.Module:
    """A random energy in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = {"relational": RelationalEnergy, "paper": PaperEnergy}[form](SMALL)
    return made.double()


def codes(batch: int = 3, seed: int = 1) -> torch.Tensor:
    """Random codes."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, SMALL.code, generator=generator, dtype=torch.float64)
