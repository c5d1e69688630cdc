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
from .sampler import StepSizes, Unknowns, forgotten, noise_like, step
from .scene import Scene

_POSITION_WEIGHT = 2.0
_SHAKE = 0.08
_SOLVED = 0.2
"""Share of scattered states that satisfy the concept already."""


@dataclass(frozen=True)
class Objective:
    """Weights of the terms of the loss, and how the nested optimisations are unrolled.

    Attributes:
        reconstruction: Distance to the nearest solution and cross-entropy of the mask, at every step.
        calibration: Satisfying events below, contrary events above the threshold.
        contrastive: The paper's softplus(E(true) - E(sampled)), equation 13.
        kl: The paper's energy of samples, gradient through the sampler only, equation 6 without entropy.
        inner_steps: K, steps of generation and identification.
        code_steps: Most steps of the code's optimisation; 0 leaves what the encoder says. Each batch
            takes any number up to these, so that few do well and more do no harm; one at least where
            there is no encoder.
        encoder: Whether the optimisation of codes starts at the encoder's.
        blind: Share of problems whose optimisation starts without the encoder all the same.
        amortisation: Mean squared distance of the encoder's code from the optimised one. What the energy
            does not use the encoder cannot learn to say, and the other way round; the optimisation
            of codes finds it first, and so leads the encoder.
        decorrelation: Mean squared correlation of the code's dimensions over a batch of problems;
            without it, nearly all of the encoder's variance is one direction.
        invariance: Mean squared distance of the codes of two sets of demonstrations of the same
            (with the term above, as in Bardes et al., "VICReg", 2022): what differs between them is noise.
        restarts: Share of queries that start anywhere between start and solution, or at a solution,
            so that the slope is learned near solutions, too. Where nothing takes time, they are
            judged as if everybody had always been there: a state has an energy, wherever it came from.
    """

    reconstruction: float = 1.0
    calibration: float = 0.1
    contrastive: float = 0.05
    kl: float = 0.0
    inner_steps: int = 5
    code_steps: int = 2
    encoder: bool = True
    blind: float = 0.4
    amortisation: float = 0.1
    decorrelation: float = 0.1
    invariance: float = 0.1
    restarts: float = 0.5


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
        terms: Means of the terms, detached, (8,), see ``TERMS``.
        raw: Raw codes of the encoder, detached: of the demonstrations and then of the others, (2 B, D).
    """

    loss: Tensor
    each: Tensor
    terms: Tensor
    raw: Tensor


TERMS = ("position", "mask", "calibration", "contrastive", "kl", "correlation", "amortisation", "invariance")
"""What is reported of a batch: reconstruction by position and by mask, and the other terms."""


def infer(
    networks: Networks, run: Kernels, problem: Problem, objective: Objective, generator: torch.Generator
) -> tuple[Float[Tensor, "b d"], Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Codes of the problems' demonstrations, the encoder's raw ones, and the encoder's own three terms."""
    code = networks.code_steps.start.expand(len(problem.weights), -1)
    least = min(0 if objective.encoder else 1, objective.code_steps)
    most = objective.code_steps + 1
    steps = int(torch.randint(least, most, (), generator=generator, device=code.device))
    encoded, other, raw = code, code, torch.zeros_like(code)
    if objective.encoder:
        examples = (problem.shown, problem.again)
        raw = torch.cat([run.encode(example, problem.weights) for example in examples])
        encoded, other = networks.encoder.normalised(raw, problem.shown.positions.shape[1] > 2).chunk(2)
        chance = torch.rand(len(code), 1, generator=generator, device=code.device)
        code = torch.where(chance < (objective.blind if steps else 0.0), code, encoded)
    recognise = problem.shown_recognise.repeat_interleave(problem.weights.shape[1])
    for index in range(steps):
        contraries = contraries_of(problem.shown, recognise, generator)
        code = run.code_step(networks.code_steps.at(index), problem.shown, contraries, problem.weights, code)
    zero = code.new_zeros(())
    if not objective.encoder:
        return code, raw, (zero, zero, zero)
    apart = ((encoded - code.detach()) ** 2).mean() if steps else zero
    varied = ((encoded - other) ** 2).mean()
    return code, raw, (correlation(torch.cat([encoded, other])), apart, varied)


def first_guess(problem: Problem, generator: torch.Generator) -> Unknowns:
    """Where generation and identification of the queries start."""
    attention = problem.query.attention
    count = len(attention) // len(problem.recognise)
    logits = 0.1 * torch.randn(attention.shape, generator=generator, device=attention.device)
    return Unknowns(problem.start, logits, attention, problem.recognise.repeat_interleave(count))


def scattered_guess(problem: Problem, generator: torch.Generator) -> tuple[Unknowns, Tensor]:
    """States anywhere on the way, some of them solved, and the solutions nearest to them.

    Returns:
        The unknowns, and the positions wanted, (B * Q, T+1, N, 2).
    """
    query, device = problem.query, problem.start.device
    rows, width = query.attention.shape
    # Off the straight way the nearest solution is another one; what takes time has no straight way.
    shaken = _SHAKE if problem.start.shape[1] > 2 else 0.0

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    free = query.scene.movable[:, None, :, None]
    shake = shaken * random(rows, 1, 1, 1) * normal(*problem.start.shape) * free
    shake[:, 0] = 0.0
    between = problem.nearest + random(rows, 1, 1, 1) * (problem.start - problem.nearest) + shake
    solved = random(rows, 1, 1, 1) < _SOLVED
    positions = torch.where(solved, query.positions, between)
    target = torch.where(solved, query.positions, problem.nearest)
    flips = torch.where(random(rows, width) < 0.2, -1.0, 1.0)
    hint = 3 * random(rows, 1) * (random(rows, 1) < 0.5)
    logits = hint * flips * (2 * query.attention - 1) + 2 * random(rows, 1) ** 2 * normal(rows, width)
    recognise = problem.recognise.repeat_interleave(rows // len(problem.recognise))
    return Unknowns(positions, logits, query.attention, recognise), target


def mixed_guess(
    problem: Problem, restarts: float, generator: torch.Generator
) -> tuple[Unknowns, Float[Tensor, "q t1 n 2"], Problem]:
    """Queries from their start or, a share of them, from anywhere.

    Returns:
        The unknowns, the solutions nearest to each, and the problem with the starts that they have.
    """
    guess = first_guess(problem, generator)
    if not restarts:
        return guess, problem.nearest, problem
    other, target = scattered_guess(problem, generator)
    again = torch.rand(len(guess.logits), 1, generator=generator, device=guess.logits.device) < restarts
    far = again[:, :, None, None]
    positions = torch.where(far, forgotten(other.positions), guess.positions)
    logits = torch.where(again, other.logits, guess.logits)
    solved, short = (
        torch.where(far, forgotten(paths), paths) for paths in (problem.query.positions, problem.short)
    )
    started = problem._replace(query=problem.query._replace(positions=solved), short=short)
    wanted = torch.where(far, target, problem.nearest)
    return guess._replace(positions=positions, logits=logits), wanted, started


def wanted_mask(logits: Tensor, problem: Problem, scene: Scene) -> Float[Tensor, "q n"]:
    """The true mask, or, where any mask of a size will do, the nearest of those to the logits."""
    count = len(logits) // len(problem.recognise)
    least, most = (part.repeat_interleave(count)[:, None] for part in (problem.least, problem.most))
    value = torch.where(scene.candidates > 0, logits.detach(), -1e4)
    rank = (value[:, None, :] > value[:, :, None]).sum(-1)
    nearest = (rank < least) | ((value > 0) & (rank < most))
    return torch.where(least > 0, nearest.float() * scene.candidates, problem.query.attention)


def reconstruction(
    unknowns: Unknowns, problem: Problem, nearest: Tensor
) -> tuple[Float[Tensor, " q"], Float[Tensor, " q"]]:
    """Root mean square distance to the nearest solution, and cross-entropy of the mask, of each query."""
    scene = problem.query.scene
    free = scene.movable[:, None, :, None].expand(-1, unknowns.positions.shape[1] - 1, -1, 2)
    gap = (unknowns.positions - nearest)[:, 1:] ** 2 * free
    distance = torch.sqrt(gap.sum((1, 2, 3)) / free.sum((1, 2, 3)).clamp(min=1) + 1e-6)
    target = wanted_mask(unknowns.logits, problem, scene)
    entropy = binary_cross_entropy_with_logits(unknowns.logits, target, reduction="none")
    entropy = (entropy * scene.candidates).sum(1) / scene.candidates.sum(1)
    return distance * (1 - unknowns.recognise), entropy * unknowns.recognise


def meta_loss(
    networks: Networks, run: Kernels, problem: Problem, objective: Objective, generator: torch.Generator
) -> Outcome:
    """The loss of a batch of problems: codes from demonstrations, then the queries' losses."""
    code, raw, own = infer(networks, run, problem, objective, generator)
    count = problem.query.attention.shape[0] // len(code)
    codes = code.repeat_interleave(count, dim=0)
    unknowns, wanted, problem = mixed_guess(problem, objective.restarts, generator)
    unknowns, distance, entropy = _sampled(
        networks, run, problem, objective, codes, unknowns, wanted, generator
    )
    rest = _energy_terms(networks, run, problem, objective, unknowns, codes, generator)
    weights = (objective.calibration, objective.contrastive, objective.kl)
    total = objective.reconstruction * (_POSITION_WEIGHT * distance + entropy)
    for weight, term in zip(weights, rest, strict=True):
        total = total + weight * term
    terms = torch.stack([part.mean() for part in (distance, entropy, *rest, *own)]).detach()
    each = (_POSITION_WEIGHT * distance + entropy).detach().reshape(-1, count).mean(1)
    weights = (objective.decorrelation, objective.amortisation, objective.invariance)
    loss = total.mean() + sum(weight * term for weight, term in zip(weights, own, strict=True))
    return Outcome(loss, each, terms, raw.detach())


def correlation(codes: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Mean squared correlation of different dimensions of codes of mean zero and variance one.

    As in Bardes et al., "VICReg" (2022), section 4.1: 0 where every dimension says something else.
    """
    if len(codes) < 2 or codes.shape[1] < 2:
        return codes.new_zeros(())
    shared = codes.T @ codes / (len(codes) - 1)
    apart = shared - torch.diag(torch.diagonal(shared))
    return (apart * apart).sum() / (codes.shape[1] * (codes.shape[1] - 1))


def _sampled(
    networks: Networks,
    run: Kernels,
    problem: Problem,
    objective: Objective,
    codes: Tensor,
    unknowns: Unknowns,
    wanted: Tensor,
    generator: torch.Generator,
) -> tuple[Unknowns, Tensor, Tensor]:
    """The sampler unrolled: where it ends, and the two reconstruction losses of each query, (B * Q,)."""
    total = objective.inner_steps * (objective.inner_steps + 1)
    distance = entropy = torch.zeros_like(codes[:, 0])
    for index in range(objective.inner_steps):
        share = 2 * (index + 1) / total
        noise = noise_like(unknowns, generator)
        sizes = networks.steps.at(index)
        unknowns = run.step(sizes, problem.query.scene, unknowns, codes, noise)
        far, wrong = reconstruction(unknowns, problem, wanted)
        distance, entropy = distance + share * far, entropy + share * wrong
    return unknowns, distance, entropy


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
    free = (problem.least == 0).repeat_interleave(len(recognise) // len(problem.least))
    calibration = surprise(true) + torch.where(free, contrary(wrong), 0.0)
    final = Unknowns(*(part.detach() for part in sampled))
    fake = run.energy(scene, final.positions, final.attention(scene), codes)
    contrastive = softplus(true - fake)
    if not objective.kl:
        return calibration, contrastive, zero
    frozen = {name: value.detach() for name, value in networks.energy.named_parameters()}
    arguments = (scene, sampled.positions, sampled.attention(scene), codes.detach())
    return calibration, contrastive, torch.func.functional_call(networks.energy, frozen, arguments)
