"""Names of metrics as people write them."""

from typing import Any

import pytest

from suffuse.recsys.asked import asked

KNOWN = {"recall", "hit_rate", "rbp"}


@pytest.mark.parametrize(
    ("label", "name", "k", "options"),
    [
        ("recall", "recall", None, {}),
        ("hit_rate@5", "hit_rate", 5, {}),
        ("rbp@20:p=0.9", "rbp", 20, {"p": 0.9}),
        ("rbp:p=0.9:x=word:n=3:y=true", "rbp", None, {"p": 0.9, "x": "word", "n": 3, "y": True}),
    ],
)
def test_labels_are_taken_apart(label: str, name: str, k: int, options: dict[str, Any]) -> None:
    """Name, cut, options; numbers are numbers."""
    found = asked(label, KNOWN)
    assert (found.label, found.name, found.k, found.options) == (label, name, k, options)


@pytest.mark.parametrize("label", ["recal", "recall@0", "Recall@2", "recall@", "recall@2:", 2, ""])
def test_other_labels_are_refused(label: Any) -> None:
    """With the names there are."""
    with pytest.raises(ValueError, match=r"metrics must be names like .*'rbp', 'recall'.*; got"):
        asked(label, KNOWN)


@pytest.mark.parametrize("part", ["p", "p=", "=1"])
def test_options_need_a_value(part: str) -> None:
    """The part is quoted."""
    with pytest.raises(ValueError, match=rf"must be option=value; got '{part}' in 'rbp:{part}'"):
        asked(f"rbp:{part}", KNOWN)
