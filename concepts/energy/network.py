"""The energy network: E(x, a, w) of trajectories, attention and a concept code.

Mordatch, "Concept learning with energy-based models" (2018), section 2, defines the family and its
uses; the form here differs from the paper's (which is ``paper.PaperEnergy``): it looks at relations,
reads the code as gates, and is the half squared norm of vectors instead of one squared number.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from .scene import FEATURES, Scene

_GEOMETRY, _CLOSE = 6, 4
_MOTION = 9
_COUNTS = 3
_LEAST_WEIGHT = 0.01
_SMOOTH = 1e-4
_RANGES = (0.15, 0.4)
_SHARP = 0.1


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the energy network.

    Attributes:
        code: Dimensions of a concept code, D.
        pair: Width of the pair network.
        message: Channels of the messages between entities.
        node: Width of the entity network.
        outputs: Dimensions of the vector whose half squared norm is the energy of the whole.
        local: Dimensions of the vectors for the energy of each entity.
        form: "relational", or "paper" for the published form.
        moments: Whether the encoder reads low moments of the demonstrations, past all layers.
        close: Whether pairs have features of short range, as well: a network of smooth functions of
            offsets takes long to see that two points are too close, or a little out of line.
    """

    code: int = 16
    pair: int = 40
    message: int = 16
    node: int = 64
    outputs: int = 8
    local: int = 4
    form: str = "relational"
    moments: bool = True
    close: bool = True


class Gated(nn.Module):
    """A linear layer whose outputs the code scales and shifts."""

    def __init__(self, inputs: int, outputs: int, code: int) -> None:
        """Makes the layer; without a code (0) it is an affine layer."""
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.modulation = nn.Linear(code, 2 * outputs) if code else None
        self.bias = None if code else nn.Parameter(torch.zeros(outputs))

    def forward(self, inputs: Tensor, code: Tensor | None) -> Tensor:
        """Maps (B, ..., inputs) to (B, ..., outputs); ``code`` is (B, D)."""
        outputs = self.linear(inputs)
        if self.modulation is None or code is None:
            return outputs + self.bias
        change = self.modulation(code)
        change = change.reshape(len(code), *[1] * (inputs.ndim - 2), change.shape[-1])
        gate, shift = change.chunk(2, dim=-1)
        return outputs * (1 + gate) + shift


def norm(vectors: Float[Tensor, "*shape 2"]) -> Float[Tensor, "*shape"]:
    """Length along the last axis, smooth at zero."""
    return torch.sqrt((vectors * vectors).sum(-1) + _SMOOTH)


def sharpened(values: Tensor) -> Tensor:
    """Positive weights of any ratio, from any numbers: their squares, and a little more."""
    return values * values + _LEAST_WEIGHT


def _rate(seconds: Float[Tensor, " b"], steps: int) -> Float[Tensor, "b 1 1"]:
    """Steps a second, (B, 1, 1); 0 where the event has no duration: what takes no time has no speed."""
    rate = torch.where(seconds > 0, steps / seconds.clamp(min=1e-3), torch.zeros_like(seconds))
    return rate[:, None, None]


def relations(
    positions: Float[Tensor, "b t1 n 2"], seconds: Float[Tensor, " b"]
) -> Float[Tensor, "b t n n 6"]:
    """What entity i sees of entity j: offset, distance, its square, distance at first, and its rate.

    Args:
        positions: Trajectories, (B, T+1, N, 2). T = 0 is a state in which nothing has moved.
        seconds: Duration of the events, (B,); 0 where they have none.

    Returns:
        (B, max(T, 1), N, N, 6), for the states 1 to T.
    """
    offsets = positions[:, :, None] - positions[:, :, :, None]
    distance = norm(offsets)
    now = distance[:, 1:] if positions.shape[1] > 1 else distance
    before = distance[:, :-1] if positions.shape[1] > 1 else distance
    first = distance[:, :1].expand_as(now)
    change = (now - before) * _rate(seconds, now.shape[1])[..., None]
    rest = torch.stack([now, now * now, first, change], dim=-1)
    return torch.cat([offsets[:, -now.shape[1] :], rest], dim=-1)


def closely(seen: Float[Tensor, "b t n n 6"]) -> Float[Tensor, "b t n n 10"]:
    """Relations, and features of short range: nearness at two scales, and offsets that saturate."""
    offsets, distance = seen[..., :2], seen[..., 2]
    near = [torch.exp(-((distance / reach) ** 2)) for reach in _RANGES]
    sharp = offsets / torch.sqrt(offsets * offsets + _SHARP**2)
    return torch.cat([seen, torch.stack(near, dim=-1), sharp], dim=-1)


def motions(positions: Float[Tensor, "b t1 n 2"], seconds: Float[Tensor, " b"]) -> Float[Tensor, "b t n 9"]:
    """How each entity moves: way from its start, velocity, both lengths, and the time of the state."""
    start, count = positions[:, :1], max(positions.shape[1] - 1, 1)
    later = positions[:, 1:] if positions.shape[1] > 1 else positions
    before = positions[:, :-1] if positions.shape[1] > 1 else positions
    way, velocity = later - start, (later - before) * _rate(seconds, count)[..., None]
    speed = norm(velocity)
    time = torch.arange(1, count + 1, dtype=positions.dtype, device=positions.device) / count
    time = time[None, :, None].expand_as(speed)
    last = (time == 1).to(positions.dtype)
    parts = [norm(way), speed, speed * speed, time, last]
    return torch.cat([way, velocity, torch.stack(parts, dim=-1)], dim=-1)


def gather(values: Tensor, sharp: Tensor, weights: Tensor) -> Tensor:
    """Means over j of what i sees of it, weighted by group and channelwise by sharpness.

    Args:
        values: (B, T, N, N, C).
        sharp: Positive weights of every channel, (B, T, N, N, C).
        weights: Members of each of G groups, (B, N, N, G).

    Returns:
        (B, T, N, G * C); zero for a group without members.
    """
    parts = []
    for group in weights.unbind(-1):
        share = sharp * group[:, None, :, :, None]
        parts.append((share * values).sum(3) / (share.sum(3) + _LEAST_WEIGHT))
    return torch.cat(parts, dim=-1)


class Trunk(nn.Module):
    """Two rounds of messages between entities: from an event to a vector for each entity."""

    def __init__(self, config: NetworkConfig, code: int) -> None:
        """Makes the layers; ``code`` is 0 for a trunk that reads no code."""
        super().__init__()
        pair, message, node = config.pair, config.message, config.node
        self.close = config.close
        geometry = _GEOMETRY + _CLOSE * config.close
        self.geometry = nn.Linear(geometry, pair, bias=False)
        self.gate_i = nn.Linear(FEATURES, pair, bias=False)
        self.gate_j = nn.Linear(FEATURES, pair, bias=False)
        self.shift_i = nn.Linear(FEATURES + _MOTION, pair, bias=False)
        self.shift_j = nn.Linear(FEATURES + _MOTION, pair, bias=False)
        self.gate_code = nn.Linear(code, 2 * pair) if code else None
        self.second = Gated(pair, 2 * message, code)
        self.join = Gated(3 * message + FEATURES + _MOTION + _COUNTS, node, code)
        self.third = Gated(node, node, code)
        self.timing = nn.Linear(node, node)
        self.ask, self.answer = nn.Linear(node, 2 * message), nn.Linear(node, 2 * message, bias=False)
        self.place = Gated(geometry, 2 * message, code)
        self.last = Gated(node + 3 * message, node, code)

    def forward(
        self, scene: Scene, positions: Tensor, attention: Tensor, code: Tensor | None
    ) -> Float[Tensor, "b n node"]:
        """Vectors of the entities, (B, N, node)."""
        seen, moves = relations(positions, scene.seconds), motions(positions, scene.seconds)
        if self.close:
            seen = closely(seen)
        groups, counts = _groups(scene, attention)
        messages = self._first_round(scene, seen, moves, groups, code)
        still = torch.cat([scene.nodes, counts], dim=-1)[:, None].expand(-1, moves.shape[1], -1, -1)
        nodes = silu(self.join(torch.cat([messages, still, moves], dim=-1), code))
        nodes = silu(self.third(nodes, code))
        timing = sharpened(self.timing(nodes))
        nodes = (timing * nodes).sum(1) / timing.sum(1)
        return self._second_round(nodes, seen[:, -1:], groups, code)

    def _first_round(
        self, scene: Scene, seen: Tensor, moves: Tensor, groups: Tensor, code: Tensor | None
    ) -> Tensor:
        inputs = torch.cat([scene.nodes[:, None].expand(-1, moves.shape[1], -1, -1), moves], dim=-1)
        gate = 1 + self.gate_i(scene.nodes)[:, :, None] + self.gate_j(scene.nodes)[:, None]
        shift = self.shift_i(inputs)[:, :, :, None] + self.shift_j(inputs)[:, :, None]
        if self.gate_code is not None and code is not None:
            more, offset = self.gate_code(code)[:, None, None].chunk(2, dim=-1)
            gate, shift = gate + more, shift + offset[:, None]
        pairs = silu(self.geometry(seen) * gate[:, None] + shift)
        values, logits = self.second(pairs, code).chunk(2, dim=-1)
        return gather(silu(values), sharpened(logits), groups)

    def _second_round(self, nodes: Tensor, seen: Tensor, groups: Tensor, code: Tensor | None) -> Tensor:
        pairs = self.ask(nodes)[:, None, :, None] + self.answer(nodes)[:, None, None]
        values, logits = (pairs + self.place(seen, code)).chunk(2, dim=-1)
        heard = gather(silu(values), sharpened(logits), groups)[:, 0]
        return silu(self.last(torch.cat([nodes, heard], dim=-1), code))


def _groups(scene: Scene, attention: Tensor) -> tuple[Tensor, Tensor]:
    """Whom each entity listens to, attended, others and the marker, (B, N, N, 3); counts, (B, N, 3)."""
    width = attention.shape[1]
    attended = attention * scene.candidates
    others = (1 - attention) * scene.candidates
    groups = torch.stack([attended, others, scene.marker * scene.present], dim=-1)[:, None]
    apart = 1 - torch.eye(width, dtype=attention.dtype, device=attention.device)
    counts = torch.stack([attended.sum(1), others.sum(1), scene.present.sum(1)], dim=-1) / 4
    return groups * apart[None, :, :, None], counts[:, None].expand(-1, width, -1)


def readout(scene: Scene, attention: Tensor, nodes: Tensor) -> Float[Tensor, "b features"]:
    """Means of the entities' vectors over the attended, the others and the movable, and their numbers."""
    attended, others = attention * scene.candidates, (1 - attention) * scene.candidates
    weights = torch.stack([attended, others, scene.movable * scene.present], dim=-1)
    sums, counts = torch.einsum("bnc,bng->bgc", nodes, weights), weights.sum(1)
    means = sums / (counts[..., None] + 0.05)
    return torch.cat([means.flatten(1), counts / 4], dim=-1)


class RelationalEnergy(nn.Module):
    """The pairwise, permutation-invariant energy of events with any number of entities and steps.

    E = 1/2 |f|^2 + 1/2 sum_i (a_i |p_i|^2 + (1 - a_i) |q_i|^2), where f depends on the means of the
    entities' vectors, and p_i, q_i on entity i's own: what it lacks to belong, and not to belong.
    """

    def __init__(self, config: NetworkConfig) -> None:
        """Makes the network, randomly initialised from torch's generator."""
        super().__init__()
        self.config = config
        self.trunk = Trunk(config, config.code)
        self.whole = Gated(3 * config.node + 3, config.node, config.code)
        self.whole_out = nn.Linear(config.node, config.outputs)
        self.own = nn.Linear(config.node, 2 * config.local)

    def forward(
        self,
        scene: Scene,
        positions: Float[Tensor, "b t1 n 2"],
        attention: Float[Tensor, "b n"],
        code: Float[Tensor, "b d"],
    ) -> Float[Tensor, " b"]:
        """Energies, (B,) >= 0, of trajectories (B, T+1, N, 2), attention (B, N), codes (B, D)."""
        nodes = self.trunk(scene, positions, attention, code)
        whole = self.whole_out(silu(self.whole(readout(scene, attention, nodes), code)))
        belongs, differs = (self.own(nodes) ** 2).chunk(2, dim=-1)
        own = attention * belongs.sum(-1) + (1 - attention) * differs.sum(-1)
        return ((whole * whole).sum(-1) + (own * scene.candidates).sum(-1)) / 2
