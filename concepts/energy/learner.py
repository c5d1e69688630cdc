"""What is learned, and the loss it is learned by: inference and sampling unrolled, end to end.

Mordatch (2018), section 3. The objectives: the paper's two (contrastive maximum likelihood, and the
divergence of the sampler), the reconstruction of the nearest solution, and a calibration that puts
the energies of satisfying and of contrary events on the two sides of one threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from .batches import Problem
from .encoder import Encoder
from .inference import CodeSteps, code_step, contraries_of, contrary, surprise
from .network import NetworkConfig, RelationalEnergy
from .paper import PaperEnergy
from .sampler import StepSizes, Unknowns, noise_like, step
from .scene import Scene

_POSITION_WEIGHT = 2.0


@dataclass(frozen=True)
class Objective:
    """Weights of the terms of the loss, and how the nested optimisations are unrolled.

    Attributes:
        reconstruction: Distance to the nearest solution and cross-entropy of the mask, at every step.
        calibration: Satisfying events below, contrary events above the threshold.
        contrastive: The paper's softplus(E(true) - E(sampled)), equation 13.
        kl: The paper's energy of samples, gradient through the sampler only, equation 6 without entropy.
        inner_steps: K, steps of generation and identification.
        code_steps: Steps of the code's optimisation; 0 leaves what the encoder says.
        encoder: Whether the optimisation of codes starts at the encoder's.
        blind: Share of problems whose optimisation starts without the encoder all the same.
    """

    reconstruction: float = 1.0
    calibration: float = 0.1
    contrastive: float = 0.05
    kl: float = 0.0
    inner_steps: int = 5
    code_steps: int = 2
    encoder: bool = True
    blind: float = 0.25


class Networks(nn.Module):
    """Everything that is learned: energy, encoder and step sizes."""

    def __init__(self, config: NetworkConfig, objective: Objective) -> None:
        """Makes the networks, randomly initialised from torch's generator."""
        super().__init__()
        forms = {"relational": RelationalEnergy, "paper": PaperEnergy}
        if config.form not in forms:
            raise ValueError(f"form is {config.form!r}, expected one of {tuple(forms)}")
        self.energy = forms[config.form](config)
        self.encoder = Encoder(config)
        self.steps = StepSizes(objective.inner_steps)
        self.code_steps = CodeSteps(max(objective.code_steps, 1), config.code)


@dataclass(frozen=True)
class Kernels:
    """The four functions that take the time, compiled or as they are."""

    encode: Callable[..., Tensor]
    code_step: Callable[..., Tensor]
    step: Callable[..., Unknowns]
    energy: Callable[..., Tensor]


def kernels(networks: Networks, compiled: bool) -> Kernels:
    """The functions of these networks; compiling takes minutes once, and then halves the time or better."""

    def encode(shown: object, weights: Tensor) -> Tensor:
        return networks.encoder(shown, weights)

    def advance_code(*arguments: object) -> Tensor:
        return code_step(networks.energy, *arguments)  # type: ignore[arg-type]

    def advance(
        sizes: tuple[Tensor, Tensor, Tensor],
        scene: Scene,
        unknowns: Unknowns,
        code: Tensor,
        noise: tuple[Tensor, Tensor],
    ) -> Unknowns:
        return step(lambda s, x, a: networks.energy(s, x, a, code), sizes, scene, unknowns, noise)

    functions = (encode, advance_code, advance, networks.energy.forward)
    if compiled:
        functions = tuple(torch.compile(function, dynamic=False) for function in functions)  # type: ignore[assignment]
    return Kernels(*functions)


class Outcome(NamedTuple):
    """Losses of a batch of problems.

    Attributes:
        loss: The mean loss, a scalar.
        each: The loss of each problem, (B,), detached.
        terms: Means of the terms, detached, (5,): reconstruction by position and by mask, calibration,
            contrastive, kl.
        raw: Raw codes of the encoder, (B, D), detached.
    """

    loss: Tensor
    each: Tensor
    terms: Tensor
    raw: Tensor


TERMS = ("position", "mask", "calibration", "contrastive", "kl")


def infer(
    networks: Networks, run: Kernels, problem: Problem, objective: Objective, generator: torch.Generator
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
    """Codes of the problems' demonstrations, and the encoder's raw ones."""
    raw = run.encode(problem.shown, problem.weights)
    code = networks.encoder.normalised(raw)
    share = objective.blind if objective.encoder else 1.0
    if objective.code_steps and share:
        chance = torch.rand(len(code), 1, generator=generator, device=code.device)
        code = torch.where(chance < share, networks.code_steps.start, code)
    recognise = problem.shown_recognise.repeat_interleave(problem.weights.shape[1])
    for index in range(objective.code_steps):
        contraries = contraries_of(problem.shown, recognise, generator)
        code = run.code_step(networks.code_steps.at(index), problem.shown, contraries, problem.weights, code)
    return code, raw


def first_guess(problem: Problem, generator: torch.Generator) -> Unknowns:
    """Where generation and identification of the queries start."""
    attention = problem.query.attention
    count = len(attention) // len(problem.recognise)
    logits = 0.1 * torch.randn(attention.shape, generator=generator, device=attention.device)
    return Unknowns(problem.start, logits, attention, problem.recognise.repeat_interleave(count))


def wanted_mask(logits: Tensor, problem: Problem, scene: Scene) -> Float[Tensor, "q n"]:
    """The true mask, or, where any mask of a size will do, the nearest of those to the logits."""
    count = len(logits) // len(problem.recognise)
    least, most = (part.repeat_interleave(count)[:, None] for part in (problem.least, problem.most))
    value = torch.where(scene.candidates > 0, logits.detach(), -1e4)
    rank = (value[:, None, :] > value[:, :, None]).sum(-1)
    nearest = (rank < least) | ((value > 0) & (rank < most))
    return torch.where(least > 0, nearest.float() * scene.candidates, problem.query.attention)


def reconstruction(unknowns: Unknowns, problem: Problem) -> tuple[Float[Tensor, " q"], Float[Tensor, " q"]]:
    """Root mean square distance to the nearest solution, and cross-entropy of the mask, of each query."""
    scene = problem.query.scene
    free = scene.movable[:, None, :, None].expand(-1, unknowns.positions.shape[1] - 1, -1, 2)
    gap = (unknowns.positions - problem.nearest)[:, 1:] ** 2 * free
    distance = torch.sqrt(gap.sum((1, 2, 3)) / free.sum((1, 2, 3)).clamp(min=1) + 1e-6)
    target = wanted_mask(unknowns.logits, problem, scene)
    entropy = binary_cross_entropy_with_logits(unknowns.logits, target, reduction="none")
    entropy = (entropy * scene.candidates).sum(1) / scene.candidates.sum(1)
    return distance * (1 - unknowns.recognise), entropy * unknowns.recognise


def meta_loss(
    networks: Networks, run: Kernels, problem: Problem, objective: Objective, generator: torch.Generator
) -> Outcome:
    """The loss of a batch of problems: codes from demonstrations, then the queries' losses."""
    code, raw = infer(networks, run, problem, objective, generator)
    count = problem.query.attention.shape[0] // len(code)
    codes = code.repeat_interleave(count, dim=0)
    unknowns, scene = first_guess(problem, generator), problem.query.scene
    distance = entropy = torch.zeros_like(codes[:, 0])
    for index in range(objective.inner_steps):
        noise = noise_like(unknowns, generator)
        unknowns = run.step(networks.steps.at(index), scene, unknowns, codes, noise)
        share = 2 * (index + 1) / (objective.inner_steps * (objective.inner_steps + 1))
        far, wrong = reconstruction(unknowns, problem)
        distance, entropy = distance + share * far, entropy + share * wrong
    rest = _energy_terms(networks, run, problem, objective, unknowns, codes, generator)
    weights = (objective.calibration, objective.contrastive, objective.kl)
    total = objective.reconstruction * (_POSITION_WEIGHT * distance + entropy)
    for weight, term in zip(weights, rest, strict=True):
        total = total + weight * term
    terms = torch.stack([part.mean() for part in (distance, entropy, *rest)]).detach()
    each = (_POSITION_WEIGHT * distance + entropy).detach().reshape(-1, count).mean(1)
    return Outcome(total.mean(), each, terms, raw.detach())


def _energy_terms(
    networks: Networks,
    run: Kernels,
    problem: Problem,
    objective: Objective,
    sampled: Unknowns,
    codes: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Calibration, contrastive and divergence terms of each query, (B * Q,) each."""
    query, recognise = problem.query, sampled.recognise
    scene, zero = query.scene, torch.zeros_like(recognise)
    if not (objective.calibration or objective.contrastive or objective.kl):
        return zero, zero, zero
    flipped = contraries_of(query, recognise, generator).attention
    true = run.energy(scene, query.positions, query.attention, codes)
    wrong_positions = torch.where(recognise[:, None, None, None] > 0, query.positions, problem.short)
    wrong = run.energy(scene, wrong_positions, flipped, codes)
    free = (problem.least == problem.most).repeat_interleave(len(recognise) // len(problem.least))
    calibration = surprise(true) + torch.where(free, contrary(wrong), 0.0)
    final = Unknowns(*(part.detach() for part in sampled))
    fake = run.energy(scene, final.positions, final.attention(scene), codes)
    contrastive = softplus(true - fake)
    if not objective.kl:
        return calibration, contrastive, zero
    frozen = {name: value.detach() for name, value in networks.energy.named_parameters()}
    arguments = (scene, sampled.positions, sampled.attention(scene), codes.detach())
    return calibration, contrastive, torch.func.functional_call(networks.energy, frozen, arguments)
