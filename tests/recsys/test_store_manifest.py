"""The manifest of a folder: sealed, read back, and what it says of models."""

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import suffuse as sf
from suffuse.recsys import store_manifest
from suffuse.recsys.store_manifest import (
    CorruptModelError,
    files_in,
    has_rows,
    is_model,
    manifest_text,
    parameters_of,
    parsed_manifest,
    seal,
    sealed,
    unfitted,
    versions,
)

DESCRIPTION = {"class": "EASE", "parameters": {}, "values": {"x_": 0.1}, "parts": {}}
CLASSES = {"EASE": sf.EASE, "SocialDiffusion": sf.SocialDiffusion}


def test_what_is_sealed_is_read(tmp_path: Path) -> None:
    """With the format and the versions of this process."""
    found = parsed_manifest(tmp_path, sealed(DESCRIPTION))
    assert found == {"format": 2, "versions": versions(), **DESCRIPTION}
    assert versions()["suffuse"] == sf.__version__
    assert versions()["numpy"] == np.__version__


def test_the_seal_covers_every_entry() -> None:
    """A change of any value, name or nesting changes it; the order of names does not."""
    first = seal(DESCRIPTION)
    assert seal(dict(reversed(DESCRIPTION.items()))) == first
    for change in ({"class": "ALS"}, {"values": {"x_": 0.1000001}}, {"more": None}):
        assert seal({**DESCRIPTION, **change}) != first


def test_every_bit_of_a_manifest_counts(tmp_path: Path) -> None:
    """With any bit flipped it is refused, or says the same."""
    text = sealed({"class": "EASE", "parameters": {"a": 1.5, "b": "ü"}, "values": {}, "parts": {}})
    right = parsed_manifest(tmp_path, text)
    refused = 0
    for place in range(len(text)):
        for bit in range(8):
            changed = text[:place] + bytes([text[place] ^ (1 << bit)]) + text[place + 1 :]
            try:
                assert parsed_manifest(tmp_path, changed) == right
            except CorruptModelError:
                refused += 1
    assert refused > 7 * len(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"{", r"manifest\.json must be readable JSON"),
        (b"\xff\xfe", r"manifest\.json must be readable JSON"),
        (b"[" * 100000, r"manifest\.json must be readable JSON"),
        (b"[]", "must have format 3 .* got None"),
        (b'{"format": "2"}', "must have format 3 .* got '2'"),
        (b'{"format": [2]}', r"must have format 3 .* got \[2\]"),
        (b'{"format": 4}', "got 4: fit again, or read it with the version"),
        (b'{"format": 2}', r"manifest\.json is damaged"),
    ],
)
def test_what_is_no_manifest_is_refused(text: bytes, sentence: str, tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(CorruptModelError, match=sentence):
        parsed_manifest(tmp_path, text)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """Nothing there, and a folder without a manifest."""
    with pytest.raises(FileNotFoundError, match="the model must be a folder"):
        manifest_text(tmp_path / "nowhere")
    with pytest.raises(CorruptModelError, match=r"must hold manifest\.json: not found"):
        manifest_text(tmp_path)


def test_the_files_of_wrapped_models_are_found() -> None:
    """At any depth."""
    inner: dict[str, Any] = {"parts": {"a_": {"kind": "array", "files": {"array": {"name": "a"}}}}}
    outer: dict[str, Any] = {
        "parts": {
            "base_": {"kind": "model", "model": inner},
            "b_": {"kind": "sparse", "files": {"data": {"name": "b"}, "indices": {"name": "c"}}},
        }
    }
    assert [file["name"] for file in files_in({"parts": {"m_": {"model": outer}}})] == [*"abc"]


def test_the_files_of_rows_in_pieces_are_found() -> None:
    """Where they are asked for; the format tells whether there are any, at any depth."""
    pieces = [{"kind": "array", "files": {"array": {"name": name}}} for name in "xy"]
    whole: dict[str, Any] = {"b_": {"kind": "array", "files": {"array": {"name": "b"}}}}
    inner: dict[str, Any] = {"parts": {"a_": {"kind": "rows", "of": pieces}, **whole}}
    outer: dict[str, Any] = {"parts": {"base_": {"kind": "model", "model": inner}, **whole}}
    assert [file["name"] for file in files_in(outer)] == [*"xybb"]
    assert [file["name"] for file in files_in(outer, rows=False)] == [*"bb"]
    assert has_rows(outer)
    assert not has_rows({"parts": whole})
    assert json.loads(sealed(outer))["format"] == store_manifest.FORMAT
    assert json.loads(sealed({"parts": whole}))["format"] == store_manifest.WHOLE_FORMAT


def test_parameters_are_plain_and_come_back() -> None:
    """Numbers of numpy's as numbers, mappings as dictionaries, models as class and parameters."""
    dials = MappingProxyType({"damping": np.float32(0.5), "memory": np.int64(2)})
    model = sf.SocialDiffusion(sf.EASE(regularization=np.float64(7.0)), settings={"warm": dials})
    found = parameters_of(model)
    assert json.loads(json.dumps(found)) == found
    assert found["settings"] == {"warm": {"damping": 0.5, "memory": 2}}
    again = unfitted({"class": "SocialDiffusion", "parameters": found}, CLASSES)
    assert isinstance(again.base, sf.EASE)
    assert again.base.regularization == 7.0
    assert again.settings == found["settings"]


def test_a_parameter_that_the_class_does_not_have_is_refused() -> None:
    """Nothing but parameters is set."""
    with pytest.raises(KeyError, match="fit"):
        unfitted({"class": "EASE", "parameters": {"fit": 1}}, CLASSES)
    with pytest.raises(KeyError, match="Oracle"):
        unfitted({"class": "Oracle", "parameters": {}}, CLASSES)


def test_what_is_a_model_in_a_manifest() -> None:
    """A class with parameters, and nothing else."""
    assert is_model({"class": "EASE", "parameters": {}})
    for other in ({}, {"class": "EASE"}, {"class": "EASE", "parameters": {}, "more": 1}, None, 3):
        assert not is_model(other)


def test_the_format_that_is_written_can_be_read() -> None:
    """And every older one."""
    assert list(store_manifest.READABLE) == [*range(1, store_manifest.FORMAT + 1)]
