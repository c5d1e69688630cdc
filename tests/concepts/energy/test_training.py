"""Training: exact resumption after a kill, several processes, and what is said when it goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conceptgym.concepts.energy.network import NetworkConfig
from conceptgym.concepts.energy.pool import Pool, PoolConfig, build_pools
from conceptgym.concepts.energy.storage import load_tensors, read_card, save_tensors
from conceptgym.concepts.energy.training import TINY, TrainConfig, Trainer, learning_rate
from conceptgym.concepts.release import release

SMALLEST = replace(
    TINY,
    steps=16,
    tasks=4,
    moving_tasks=2,
    moving_every=2,
    warmup=5,
    save_every=2,
    network=NetworkConfig(code=4, pair=8, message=4, node=8),
    pool=PoolConfig(rows=16, pair_rows=0, drawn=2, drawn_rows=12, concepts=("near", "red", "slow")),
)


@pytest.fixture(scope="module")
def pools() -> dict[int, Pool]:
    """Pools of three concepts."""
    return build_pools(SMALLEST.pool, progress=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of an uninterrupted run, and what it printed."""
    folder = tmp_path_factory.mktemp("whole")
    output, errors = launch("-c", script(folder)).communicate(timeout=200)
    assert output.startswith("rank 0 of 1"), errors
    return folder, output


def script(folder: Path) -> str:
    """A program that trains the smallest model."""
    return (
        "import torch; torch.set_num_threads(1)\n"
        "from pathlib import Path; from dataclasses import replace\n"
        "from conceptgym.concepts.energy.training import TINY, train\n"
        "from conceptgym.concepts.energy.network import NetworkConfig\n"
        "from conceptgym.concepts.energy.pool import PoolConfig\n"
        f"network = {SMALLEST.network!r}\n"
        f"pool = {SMALLEST.pool!r}\n"
        f"config = replace(TINY, steps={SMALLEST.steps}, tasks=4, moving_tasks=2, moving_every=2, warmup=5,\n"
        "    save_every=2, network=network, pool=pool)\n"
        f"trainer = train(config, Path({str(folder)!r}), progress=False)\n"
        "total = sum(float(p.detach().double().sum()) for p in trainer.networks.parameters())\n"
        "print(f'rank {trainer.workers.rank} of {trainer.workers.size}: {total:.12f}', flush=True)\n"
    )


def launch(*words: str) -> subprocess.Popen[str]:
    """Starts a program."""
    environment = os.environ | {"PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def checkpoint_step(path: Path) -> int:
    """The step of a checkpoint; 0 where there is none."""
    return int(json.loads(load_tensors(path)[1]["checkpoint"])["step"]) if path.exists() else 0


def share_scenes(source: Path, target: Path) -> None:
    """Copies the drawn scenes, which take longer than the training here."""
    target.mkdir()
    for file in source.glob("pool-*.npz"):
        (target / file.name).write_bytes(file.read_bytes())


def test_a_killed_run_resumes_exactly(whole: tuple[Path, str], tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    share_scenes(whole[0], killed)
    process = launch("-c", script(killed))
    path = killed / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while checkpoint_step(path) < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and 4 <= checkpoint_step(path) < SMALLEST.steps
    output, errors = launch("-c", script(killed)).communicate(timeout=200)
    assert output == whole[1] != "", errors
    first, second = (load_tensors(folder / "checkpoint.safetensors") for folder in (killed, whole[0]))
    assert first[0].keys() == second[0].keys() and first[1] == second[1]
    assert all(torch.equal(first[0][name], second[0][name]) for name in first[0])


def test_two_processes_train_one_model(whole: tuple[Path, str], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(script(tmp_path / "two"))
    share_scenes(whole[0], tmp_path / "two")
    process = launch("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(program))
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-2000:]
    lines = sorted(output.strip().splitlines())
    assert [line.split(":")[0] for line in lines] == ["rank 0 of 2", "rank 1 of 2"]
    totals = {line.split(": ")[1] for line in lines}
    assert len(totals) == 1, "both processes hold the same parameters"
    assert totals != {whole[1].split(": ")[1].strip()}, "and they saw twice the problems"


def test_a_loss_that_is_not_finite_names_the_concept(pools: dict[int, Pool]) -> None:
    broken = dict(pools)
    static = pools[1]
    arrays = {name: array.copy() for name, array in static.arrays.items()}
    (red,) = [source for source in static.sources if source.kind == "red/identify"]
    arrays["nodes"][red.first : red.first + red.rows] = np.nan
    broken[1] = replace(static, arrays=arrays)
    trainer = Trainer(SMALLEST, broken)
    before = [p.detach().clone() for p in trainer.networks.parameters()]
    with pytest.raises(FloatingPointError, match=r"at step [0-9]+, at red/identify:"):
        for _ in range(20):
            before = [p.detach().clone() for p in trainer.networks.parameters()]
            trainer.update()
    after = list(trainer.networks.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)), "nothing was updated"


def test_a_checkpoint_of_another_configuration_is_refused(pools: dict[int, Pool], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    Trainer(SMALLEST, pools).save(path)
    with pytest.raises(ValueError, match="another configuration"):
        Trainer(replace(SMALLEST, rate=1e-3), pools).restore(path)
    torch.save({"a": 1}, path)
    with pytest.raises(ValueError, match="no intact safetensors"):
        Trainer(SMALLEST, pools).restore(path)


def test_rates_rise_and_fall() -> None:
    config = TrainConfig(steps=1000, warmup=100, rate=1.0)
    assert learning_rate(config, 0) == pytest.approx(0.01)
    assert learning_rate(config, 100) == pytest.approx(1.0)
    assert learning_rate(config, 550) == pytest.approx(0.515)
    assert learning_rate(config, 1000) == pytest.approx(0.03)


@pytest.mark.parametrize(
    "change",
    (
        {"form": "paper"},
        {"contrastive": 1.0, "kl": 1.0, "reconstruction": 0.0},
        {"encoder": False},
        {"code_steps": 0},
    ),
    ids=("paper form", "paper objective", "no encoder", "no optimisation"),
)
def test_variants_train(pools: dict[int, Pool], change: dict[str, object]) -> None:
    network = replace(SMALLEST.network, **{k: v for k, v in change.items() if k == "form"})  # type: ignore[arg-type]
    objective = replace(SMALLEST.objective, **{k: v for k, v in change.items() if k != "form"})  # type: ignore[arg-type]
    trainer = Trainer(replace(SMALLEST, network=network, objective=objective, deep_every=1), pools)
    before = {name: value.clone() for name, value in trainer.networks.named_parameters()}
    terms = [trainer.update() for _ in range(2)]
    assert all(bool(torch.isfinite(part).all()) for part in terms)
    moved = {n for n, v in trainer.networks.named_parameters() if not torch.equal(v, before[n])}
    assert any(name.startswith("energy") for name in moved)
    assert any(name.startswith("encoder") for name in moved) == (objective.encoder)
    assert any(name.startswith("code_steps.size") for name in moved) == (objective.code_steps > 0)


def test_broad_updates_leave_the_optimisation_of_codes_alone(pools: dict[int, Pool]) -> None:
    deep = replace(SMALLEST.objective, blind=1.0)
    config = replace(SMALLEST, deep_every=3, broad_tasks=6, broad_moving=3, objective=deep, seed=1)
    trainer = Trainer(config, pools)
    trainer.step = 1
    before = trainer.networks.code_steps.start.detach().clone()
    for _ in range(2):
        assert not trainer.deep
        trainer.update()
        assert torch.equal(trainer.networks.code_steps.start, before)
    while torch.equal(trainer.networks.code_steps.start, before):
        assert trainer.step < 20, "a deep update starts from the learned point"
        trainer.update()
    assert trainer.step % 3 == 1, "it was the update after a multiple of three"
    with pytest.raises(ValueError, match="no encoder"):
        replace(SMALLEST, deep_every=2, objective=replace(SMALLEST.objective, encoder=False))


AVERAGE = """
import json, sys, torch
from conceptgym.concepts.energy.workers import Workers
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
parameters[0].grad = torch.tensor([1.0, 2.0]) + 2 * rank
if rank == 1:
    parameters[1].grad = torch.tensor([4.0, 6.0])
team = Workers(rank, 2)
team.share(parameters)
team.check_same(16_000)
said = ""
try:
    team.check_same(16_000 - rank)
except ValueError as error:
    said = str(error)
print(json.dumps([None if p.grad is None else p.grad.tolist() for p in parameters] + [said]))
torch.distributed.destroy_process_group()
"""


def test_gradients_are_averaged_and_processes_that_go_on_elsewhere_are_told(tmp_path: Path) -> None:
    """Neither process uses the third parameter, and only one of them the second; both have to go on alike."""
    pair = [launch("-c", AVERAGE, str(rank), str(tmp_path)) for rank in (0, 1)]
    said = [process.communicate(timeout=120) for process in pair]
    for rank, (output, errors) in enumerate(said):
        *gradients, complaint = json.loads(output)
        assert gradients == [[2.0, 3.0], [2.0, 3.0], None], errors
        assert f"goes on at step {16_000 - rank}, others do not" in complaint


def test_a_run_may_start_from_other_weights(pools: dict[int, Pool], tmp_path: Path) -> None:
    first = Trainer(SMALLEST, pools)
    first.update()
    path = tmp_path / "weights.safetensors"
    save_tensors(path, dict(first.networks.state_dict()), {})
    more = replace(SMALLEST, start=str(path), objective=replace(SMALLEST.objective, code_steps=4))
    own, given = Trainer(more, pools).networks.state_dict(), first.networks.state_dict()
    assert own["code_steps.size"].shape[0] == 4
    assert torch.equal(own["code_steps.size"][:2], given["code_steps.size"])
    assert torch.equal(own["code_steps.size"][3], given["code_steps.size"][-1])
    assert all(torch.equal(own[name], given[name]) for name in own if name != "code_steps.size")
    assert "started_from" not in release(Trainer(more, pools)).card, "those weights have no card"
    release(first).save(path)
    then = release(Trainer(more, pools))
    assert then.card["started_from"] == read_card(path.with_suffix(".json"))
    assert then.training_steps == 2 * SMALLEST.steps
    wide = replace(more, network=replace(SMALLEST.network, node=12))
    with pytest.raises(ValueError, match="not"):
        Trainer(wide, pools)
