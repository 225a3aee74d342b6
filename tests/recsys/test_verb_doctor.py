"""``suffuse doctor`` in words, as JSON, and its exit code."""

import json

import pytest
from typer.testing import CliRunner

from suffuse.recsys import doctor
from suffuse.recsys.cli import app
from suffuse.recsys.doctor import Finding

WELL = Finding("memory", "well", "3 GB free [of 4]")
NOTE = Finding("extra serve", "note", "not installed", 'pip install "suffuse[serve]"')
ILL = Finding("self-test", "ill", "wrong", "report it")


def test_a_real_examination() -> None:
    """Of this installation: all well."""
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "self-test" in result.stdout
    assert result.stdout.endswith("all well\n")


@pytest.mark.parametrize(("findings", "code"), [([WELL, NOTE], 0), ([WELL, NOTE, ILL], 1)])
def test_the_exit_code(findings: list[Finding], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 where something is ill; a note is no fault; advice can be copied as it stands."""
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == code
    assert 'pip install "suffuse[serve]"' in result.stdout
    assert "3 GB free [of 4]" in result.stdout
    assert ("ill: self-test" in result.stdout) == bool(code)
    found = CliRunner().invoke(app, ["doctor", "--json"])
    assert found.exit_code == code
    assert json.loads(found.stdout) == [vars(finding) for finding in findings]


def test_help_has_an_example() -> None:
    """A command that could be typed."""
    result = CliRunner().invoke(app, ["doctor", "--help"])
    assert result.exit_code == 0
    assert "suffuse doctor" in result.stdout
