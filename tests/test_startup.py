"""What starting costs: nothing heavy is imported, nothing compiled, and Ctrl-C is heard."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from suffuse.recsys import cli

ROOT = Path(__file__).parents[1]
ROOMS = ("diffusion", "datasets", "training", "recsys")
LAZY = ("diffusion", "datasets", "recsys")
#: packages that take a while to import, each of which some part of suffuse needs
HEAVY = (
    *("fastapi", "implicit", "matplotlib", "networkx", "numba", "numpy", "optuna", "pandas"),
    *("PIL", "pooch", "pyarrow", "safetensors", "scipy", "sklearn", "threadpoolctl", "torch"),
)
VERBS = [command.name for command in cli.app.registered_commands]
RUN = "import sys; from suffuse.recsys.cli import main; sys.exit(main())"


def fresh(code: str, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own, with a folder before all others on its path."""
    given = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    places = given if path is None else [str(path), *given]
    environment = os.environ | ({"PYTHONPATH": os.pathsep.join(places)} if places else {})
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def heavy_after(code: str) -> list[str]:
    """What of ``HEAVY`` is loaded in a Python of its own once it ran the code."""
    done = fresh(f"{code}\nimport sys\nprint('', *[n for n in {HEAVY} if n in sys.modules])")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("module", ["", *(f".{room}" for room in ROOMS), ".recsys.cli"])
def test_importing_is_light(module: str) -> None:
    """Neither the front door nor a room nor the entry point imports what takes a while."""
    assert heavy_after(f"import suffuse{module}") == []


def test_the_check_sees_a_heavy_import() -> None:
    """What a name needs is imported when the name is asked for, and the test above sees it."""
    assert {"numpy", "scipy"} <= set(heavy_after("from suffuse import PropagationOperator"))


@pytest.mark.parametrize("name", ["ALS", "evaluate", "PropagationOperator", "tune"])
def test_no_torch_without_need(name: str) -> None:
    """The names that most people need come without torch."""
    assert "torch" not in heavy_after(f"from suffuse import {name}")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["fit", "--help"], []])
def test_the_command_line_speaks_at_once(arguments: list[str]) -> None:
    """Help and version import nothing heavy."""
    told = (
        "import sys; from suffuse.recsys.cli import main\n"
        f"sys.argv = ['suffuse', *{arguments}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
    )
    assert heavy_after(told) == []


def test_the_help_of_every_verb_is_light() -> None:
    """All of them in one Python; each has to end well."""
    assert len(VERBS) == 17
    told = (
        "from typer.testing import CliRunner; from suffuse.recsys.cli import app\n"
        f"for verb in {VERBS}:\n"
        "    assert CliRunner().invoke(app, [verb, '--help']).exit_code == 0, verb\n"
    )
    assert heavy_after(told) == []


def test_the_listing_shows_what_each_verb_says_of_itself() -> None:
    """The first sentence of a verb's own help stands beside its name, whole."""
    told = CliRunner().invoke(cli.app, ["--help"], env={"COLUMNS": "300"}).stdout
    for command in cli.app.registered_commands:
        assert command.callback is not None
        first = (inspect.getdoc(command.callback) or "").splitlines()[0]
        assert any(f" {command.name} " in line and first in line for line in told.splitlines())


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_is_called_like_a_public_name(room: str) -> None:
    """Importing such a module would put it in the place of the name."""
    names = set(importlib.import_module(f"suffuse.{room}").__all__)
    assert names.isdisjoint(path.stem for path in (ROOT / room).glob("*.py"))


@pytest.mark.parametrize("room", LAZY)
def test_what_types_see_is_what_is_imported(room: str) -> None:
    """The imports for type checkers, the table of modules and ``__all__`` say the same."""
    module = importlib.import_module(f"suffuse.{room}")
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == module._HOME_OF
    assert sorted(seen) == sorted(module.__all__) == dir(module)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("room", LAZY)
def test_names_are_the_same_in_any_order(room: str, backwards: bool) -> None:
    """Modules first or names first, in either order of the alphabet."""
    told = f"""
import importlib, types
import suffuse.{room} as room
pairs = sorted(room._HOME_OF.items(), reverse={backwards})
if {backwards}:
    homes = [importlib.import_module("suffuse.{room}." + home) for _, home in pairs]
first = [getattr(room, name) for name, _ in pairs]
for (name, home), thing in zip(pairs, first):
    module = importlib.import_module("suffuse.{room}." + home)
    names = {{}}
    exec(f"from suffuse.{room} import {{name}}", names)
    assert names[name] is thing is getattr(room, name) is getattr(module, name), name
    assert not isinstance(thing, types.ModuleType), name
"""
    done = fresh(told)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", ["diffusion", "recsys"])
def test_modules_of_a_room_are_its_attributes(room: str) -> None:
    """A module need not be imported by name before it is used; what is none is refused."""
    told = f"""
import suffuse
for path in {sorted(p.stem for p in (ROOT / room).glob("[a-m]*.py"))}[:6]:
    assert getattr(suffuse.{room}, path).__name__ == f"suffuse.{room}.{{path}}"
for name in ("nonsense", "_nonsense", "__path_hooks__"):
    assert not hasattr(suffuse.{room}, name)
"""
    done = fresh(told)
    assert done.returncode == 0, done.stderr


def test_importing_compiles_nothing() -> None:
    """No module has anything compiled or loaded from the cache; all that is compiled is kept."""
    told = f"""
import importlib, sys
from numba.core import event
from numba.extending import is_jitted
with event.install_recorder("numba:compile") as recorder:
    for name in {[f"suffuse.{room}.{path.stem}" for room in ROOMS for path in modules(room)]}:
        importlib.import_module(name)
assert not recorder.buffer, recorder.buffer
loaded = [module for name, module in sys.modules.items() if name.startswith("suffuse.")]
kernels = [thing for module in loaded for thing in vars(module).values() if is_jitted(thing)]
assert len(kernels) > 5
for kernel in kernels:
    assert not kernel.signatures, kernel
    assert kernel.stats.cache_path is not None, kernel
"""
    done = fresh(told)
    assert done.returncode == 0, done.stderr


def modules(room: str) -> list[Path]:
    """The modules of a room, its front door left out."""
    return [path for path in sorted((ROOT / room).glob("*.py")) if path.stem != "__init__"]


@pytest.mark.parametrize(
    ("slow", "arguments"),
    [
        ("typer", ["--help"]),
        ("rich", ["info", "model"]),
        ("numpy", ["fit", "--interactions", "train.csv", "--out", "model"]),
        ("pandas", ["info", "model"]),
        ("numba", ["recommend", "model", "--out", "recs.csv"]),
        ("implicit", ["recommend", "model", "--out", "recs.csv"]),
    ],
)
def test_ctrl_c_during_the_imports(slow: str, arguments: list[str], tmp_path: Path) -> None:
    """It comes while a package is imported: one word, the code that shells expect, no traceback."""
    (tmp_path / f"{slow}.py").write_text(
        "import signal\n"
        # a test run that was started in the background ignores it, and so would its children
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.raise_signal(signal.SIGINT)\n"
        "raise SystemExit('the interruption was not heard')\n"
    )
    done = fresh(RUN, *arguments, path=tmp_path)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "stopped: nothing was written\n"
