"""The package as a whole: direction of imports, what an import loads, the wheel."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import conceptgym
import gymnasium
import jaxtyping
import numpy as np
import pytest
from conceptgym.concepts import geometry

ROOT = Path(__file__).parents[1]
ROOMS = ["concepts", "envs", "agents", "evaluation"]
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def rooms_imported(path: Path, root: Path = ROOT) -> set[str]:
    """Rooms that a file imports from, by its relative imports."""
    package = path.relative_to(root).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            parts = (*base, *(node.module or "").split("."))
            found.add(parts[0] or node.names[0].name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("conceptgym"):
            raise AssertionError(f"{path} imports the package by its name; inside it, imports are relative")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    assert rooms_imported(path) & set(ROOMS) <= allowed


def test_the_direction_test_sees_what_is_imported(tmp_path: Path) -> None:
    assert rooms_imported(ROOT / "agents" / "expert.py") == {"concepts", "envs"}
    assert rooms_imported(ROOT / "evaluation" / "solvability.py") == {"agents", "envs", "evaluation"}
    bad = tmp_path / "concepts" / "catalogue" / "bad.py"
    bad.parent.mkdir(parents=True)
    bad.write_text("from ...envs.state import World\nfrom ..event import Event\n")
    assert rooms_imported(bad, tmp_path) == {"envs", "concepts"}
    bad.write_text("from conceptgym.concepts import get\n")
    with pytest.raises(AssertionError, match="imports are relative"):
        rooms_imported(bad, tmp_path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (node.end_lineno or 0) - (body[0].lineno if body else node.lineno) + 1
            assert length <= 40, f"{node.name} has {length} lines"


LOADED = {
    "array_api_compat",
    "conceptgym",
    "farama_notifications",
    "gymnasium",
    "jaxtyping",
    "numpy",
    "typing_extensions",
}


def in_fresh_python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints, in an empty folder."""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=os.environ.get("TMPDIR", "/tmp"),
        env={**os.environ, **environment},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_loads_only_what_it_needs() -> None:
    code = (
        "import sys; import conceptgym;"
        "tops = {name.split('.')[0] for name in sys.modules if name[0] != '_'};"
        "print(*tops - set(sys.stdlib_module_names))"
    )
    assert set(in_fresh_python(code).split()) - {"cython_runtime"} == LOADED


def test_import_is_quick() -> None:
    # 0.3 s on a quiet core; the tests keep all cores busy, so that only this process's own time is told.
    code = "import time; t = time.process_time(); import conceptgym; print(time.process_time() - t)"
    assert min(float(in_fresh_python(code)) for _ in range(4)) < 0.6


def test_the_readme_counts_right() -> None:
    text = (ROOT / "README.md").read_text()
    ids = [env_id for env_id in gymnasium.registry if env_id.startswith("conceptgym/")]
    for number, what in (
        (len(conceptgym.concepts.CATALOGUE), "concepts in 8 families"),
        (len(conceptgym.concepts.pairs()), "tasks that pair"),
        (len(ids), "registered **Gymnasium environments**"),
    ):
        assert f"{number} {what}" in text


def test_environments_need_only_numpy() -> None:
    code = (
        "import sys, gymnasium, conceptgym;"
        "env = gymnasium.make('conceptgym/ParticleSquare-v0'); env.reset(seed=0);"
        "env.step(env.action_space.sample());"
        "print(*{'torch', 'mujoco', 'matplotlib', 'PIL', 'pygame'} & set(sys.modules))"
    )
    assert in_fresh_python(code) == ""


def test_shapes_are_executed() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        geometry.length(np.zeros((4, 3)))
    with pytest.raises(jaxtyping.TypeCheckError):
        conceptgym.concepts.get(3)  # type: ignore[arg-type]


def test_the_wheel_holds_every_module(tmp_path: Path) -> None:
    source = tmp_path / "source"
    skipped = shutil.ignore_patterns(".*", "build", "dist", "out", "*.egg-info", "__pycache__", "docs")
    shutil.copytree(ROOT, source, ignore=skipped)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    modules = ["cli", *(str(path.relative_to(ROOT).with_suffix("")).replace("/", ".") for path in SOURCES)]
    names = ["conceptgym." + name.removesuffix(".__init__") for name in modules]
    code = (
        f"import importlib, conceptgym; assert conceptgym.__file__.startswith({str(installed)!r});"
        f"[importlib.import_module(name) for name in {names!r}]; print(conceptgym.__version__)"
    )
    assert in_fresh_python(code, PYTHONPATH=str(installed)) == conceptgym.__version__
    assert (installed / "conceptgym" / "py.typed").exists()
    assert not (installed / "conceptgym" / "tests").exists()
