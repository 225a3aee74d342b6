"""The verbs of the command line, and the front door that leads to them."""

from __future__ import annotations

import inspect
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from suffuse.recsys import cli, commands


def test_the_front_door_leads_to_the_verbs() -> None:
    """``cli.app`` is the command line itself; nothing else is made up."""
    assert cli.app is commands.app
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = cli.nonsense


@pytest.mark.parametrize("command", commands.app.registered_commands, ids=lambda one: one.name)
def test_a_verb_stands_in_a_module_of_its_name(command: object) -> None:
    """``suffuse fit`` is ``fit_verb`` of ``verb_fit``."""
    name, callback = vars(command)["name"], vars(command)["callback"]
    assert callback.__name__ == f"{name}_verb"
    assert callback.__module__ == f"suffuse.recsys.verb_{name}"
    assert f"suffuse {name}" in (inspect.getdoc(callback) or "")


@pytest.mark.parametrize("place", ["own_version", "info_verb"])
def test_an_interruption_outside_of_a_verbs_work(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word and the usual code, and none about what was written: that is the verb's to say."""

    def stop() -> NoReturn:
        raise KeyboardInterrupt

    if place == "own_version":
        monkeypatch.setattr(commands, place, stop)
        result = CliRunner().invoke(commands.app, ["--version"])
    else:
        [info] = [one for one in commands.app.registered_commands if one.name == "info"]
        monkeypatch.setattr(info, "callback", stop)
        result = CliRunner().invoke(commands.app, ["info"])
    assert (result.exit_code, result.stderr) == (130, "stopped\n")


def test_the_version() -> None:
    """One line, and the end."""
    result = CliRunner().invoke(commands.app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("suffuse ")
    assert len(result.stdout.splitlines()) == 1
