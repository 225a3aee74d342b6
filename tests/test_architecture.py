"""The rooms of the house: imports point down, files and functions stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("diffusion", "datasets", "training", "recsys")
MAY_IMPORT = {
    "diffusion": set(),
    "datasets": set(),
    "training": {"diffusion"},
    "recsys": {"diffusion", "training"},
}
#: the plain tables of the side wing, which the room above may take as they are; no loaders
TABLES = {
    *("datasets.ids", "datasets.interactions", "datasets.social_graph", "datasets.tables"),
    *("datasets.shard_cuts", "datasets.sharded_tables", "datasets.sharding"),
}


def is_command_line(name: str) -> bool:
    """Whether a file is the command line, one of its verbs or the options that they share."""
    path = Path(name)
    is_part = path.stem in {"cli", "options"} or path.stem.startswith("verb_")
    return path.parent.name == "recsys" and is_part


def files(room: str) -> list[Path]:
    """The modules of a room."""
    return sorted((ROOT / room).glob("*.py"))


def modules_imported(path: Path) -> Iterator[str]:
    """``room.module`` for every import of a room, relative or absolute, in one file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 2:
                yield from [module] if "." in module else [f"{module}.{a.name}" for a in node.names]
            elif not node.level:
                yield module.removeprefix("suffuse.")
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("suffuse.") for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room: str) -> None:
    """No file imports a room above or beside it, the command line's loaders excepted."""
    for path in files(room):
        name = path.relative_to(ROOT).as_posix()
        for module in modules_imported(path):
            other = module.split(".")[0]
            assert other, f"{name} imports {module[1:]} from the front door, which is above it"
            if other not in ROOMS or other == room or other in MAY_IMPORT[room]:
                continue
            is_table = room == "recsys" and module in TABLES
            is_loader = is_command_line(name) and other == "datasets"
            assert is_table or is_loader, f"{name} imports {module}"


def test_the_check_sees_an_arrow_that_points_up(tmp_path: Path) -> None:
    """The parser of the test above finds relative and absolute imports alike."""
    planted = tmp_path / "planted.py"
    planted.write_text(
        "from ..recsys.als import ALS\nfrom ..recsys import ease\n"
        "import suffuse.training.loop\nfrom suffuse.datasets.splits import split_random\n"
    )
    found = ["recsys.als", "recsys.ease", "training.loop", "datasets.splits"]
    assert sorted(modules_imported(planted)) == sorted(found)


@pytest.mark.parametrize("room", [*ROOMS, "src/suffuse"])
def test_files_and_functions_stay_small(room: str) -> None:
    """Files up to 400 lines; functions up to 40 lines of code and 6 positional parameters."""
    for path in files(room):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 400, f"{path.name} has {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                where = f"{path.name}:{node.lineno} {node.name}"
                assert code_lines(node, text) <= 40, where
                assert len(node.args.posonlyargs) + len(node.args.args) <= 6 or is_verb(node), where


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> int:
    """Lines of the body without docstring, comments and blank lines."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    lines = text.splitlines()[body[0].lineno - 1 : node.end_lineno]
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def is_verb(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is a verb of the command line: its parameters are options, by name."""
    return node.name.endswith("_verb")


@pytest.mark.parametrize("room", [*ROOMS, "src/suffuse"])
def test_public_things_have_docstrings(room: str) -> None:
    """Every public function, class and method says what it does."""
    for path in files(room):
        for node in public_nodes(ast.parse(path.read_text(encoding="utf-8"))):
            assert ast.get_docstring(node), f"{path.name}:{node.lineno} {node.name}"


def public_nodes(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes of a module and methods of its classes, overloads left out."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for body in (tree.body, *(node.body for node in classes)):
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            marks = node.decorator_list
            if not any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in marks):
                yield node


@pytest.mark.parametrize("room", [*ROOMS, "src/suffuse"])
def test_what_must_not_exist(room: str) -> None:
    """No grab-bags, no assert as an argument check, no bare except, no leftover."""
    for path in files(room):
        assert path.stem not in {"utils", "common", "helpers", "misc", "base"}, path.name
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            assert not isinstance(node, ast.Assert), f"{path.name}:{node.lineno}"
            bare = isinstance(node, ast.ExceptHandler) and node.type is None
            assert not bare, path.name
        assert "TODO" not in text, path.name
        assert "raise NotImplementedError" not in text, path.name


def test_nothing_runnable_at_the_root() -> None:
    """Scripts, notebooks and conftest at the root would put the rooms on the import path."""
    found = [path.name for pattern in ("*.py", "*.ipynb") for path in ROOT.glob(pattern)]
    assert found == []
