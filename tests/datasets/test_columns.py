"""Which column means what, and which values are refused."""

import numpy as np
import pandas as pd
import pytest

from suffuse.datasets.columns import (
    INTERACTION_COLUMNS,
    SOCIAL_COLUMNS,
    find_columns,
    quoted,
    read_timestamps,
    read_weights,
)


def frame_of(*names: str) -> pd.DataFrame:
    """Return a one-row frame with the given columns."""
    return pd.DataFrame([[1] * len(names)], columns=list(names))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("user_id", "item_id"), {"user_id": "user_id", "item_id": "item_id"}),
        (("user", "item"), {"user_id": "user", "item_id": "item"}),
        (
            ("userId", "movieId", "rating", "timestamp"),
            {
                "user_id": "userId",
                "item_id": "movieId",
                "weight": "rating",
                "timestamp": "timestamp",
            },
        ),
        (
            ("userID", "artistID", "weight"),
            {"user_id": "userID", "item_id": "artistID", "weight": "weight"},
        ),
        (("UID", "Product-ID"), {"user_id": "UID", "item_id": "Product-ID"}),
        (("user_id", "item_id", "user"), {"user_id": "user_id", "item_id": "item_id"}),
        (("item", "user", "freq"), {"user_id": "user", "item_id": "item", "weight": "freq"}),
    ],
)
def test_well_known_names_are_found(names: tuple[str, ...], expected: dict[str, str]) -> None:
    """Case, hyphens and underscores do not matter; the exact name wins."""
    assert find_columns(frame_of(*names), INTERACTION_COLUMNS) == expected


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("source", "target"),
        ("user", "friend"),
        ("userID", "friendID"),
        ("truster", "trustee"),
        ("follower", "followee"),
        ("from", "to"),
    ],
)
def test_well_known_names_of_ties_are_found(source: str, target: str) -> None:
    """The first listens to the second."""
    found = find_columns(frame_of(target, source), SOCIAL_COLUMNS)
    assert found == {"source_id": source, "target_id": target}


def test_the_map_overrides_names() -> None:
    """A mapped column is taken, and is no candidate for another role."""
    frame = frame_of("user", "item", "who")
    found = find_columns(frame, INTERACTION_COLUMNS, {"user_id": "who", "item_id": "user"})
    assert found == {"user_id": "who", "item_id": "user"}


def test_none_in_the_map_means_no_such_column() -> None:
    """A rating can be ignored."""
    frame = frame_of("user", "item", "rating")
    assert "weight" not in find_columns(frame, INTERACTION_COLUMNS, {"weight": None})


def test_a_missing_column_says_what_was_found_and_the_way_out() -> None:
    """The sentence names the role, the columns and the map."""
    with pytest.raises(ValueError, match=r"'item_id'; got columns \['user', 'x'\].*columns=\{"):
        find_columns(frame_of("user", "x"), INTERACTION_COLUMNS)


def test_two_candidates_are_refused() -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"weight must be one column.*\['rating', 'count'\]"):
        find_columns(frame_of("user", "item", "rating", "count"), INTERACTION_COLUMNS)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"usr": "user"}, "roles out of .* got role 'usr'"),
        (
            {"user_id": "nobody"},
            r"columns\['user_id'\] must be a column of the table; got 'nobody'",
        ),
        ({"user_id": "item", "item_id": "item"}, "must be two columns; got 'item' for both"),
    ],
)
def test_a_bad_map_is_refused(columns: dict[str, str], message: str) -> None:
    """Unknown roles, unknown columns, one column for two roles."""
    with pytest.raises(ValueError, match=message):
        find_columns(frame_of("user", "item"), INTERACTION_COLUMNS, columns)


def test_something_else_than_a_frame_is_refused() -> None:
    """The type is named."""
    with pytest.raises(TypeError, match="must be a pandas DataFrame; got list"):
        find_columns([1, 2], INTERACTION_COLUMNS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan, np.nan], r"w must be finite; got nan at row 1 \(2 such rows"),
        ([1.0, 1.0, np.inf], r"w must be finite; got inf at row 2 \(1 such rows"),
        ([-0.5, 1.0, -1.0], r"w must be at least 0; got -0.5 at row 0 \(2 such rows"),
        (["1", "many", "2"], "w must be a number; got 'many' at row 1"),
        ([1 + 2j, 1j, 0j], "w must be real numbers; got dtype complex128"),
        (pd.array([1, None, 2], dtype="Int64"), "w must be finite; got <NA> at row 1"),
    ],
)
def test_bad_weights_are_refused_with_their_row(values: object, message: str) -> None:
    """The value, the row and the rule are in the sentence."""
    with pytest.raises(ValueError, match=message):
        read_weights(pd.Series(values), "w")


def test_good_weights_come_as_floats() -> None:
    """Integers, booleans, texts that are numbers, nullable numbers; float32 stays float32."""
    assert read_weights(pd.Series([1, 2]), "w").tolist() == [1.0, 2.0]
    assert read_weights(pd.Series([True, False]), "w").tolist() == [1.0, 0.0]
    assert read_weights(pd.Series(["1e-3", "2"]), "w").tolist() == [0.001, 2.0]
    assert read_weights(pd.Series([1, 2], dtype="Int8"), "w").tolist() == [1.0, 2.0]
    assert read_weights(pd.Series([1, 2], dtype="float32"), "w").dtype == np.float32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-01", "yesterday"], "ISO 8601 text; got 'yesterday' at row 1"),
        ([1.0, np.nan], "t must be present in every row; got nan at row 1"),
        ([1.0, np.inf], "t must be finite; got inf at row 1"),
        ([pd.Timestamp("2024-01-01"), None], "got NaT at row 1"),
    ],
)
def test_bad_timestamps_are_refused_with_their_row(values: list[object], message: str) -> None:
    """A time that is missing or unreadable is never guessed."""
    with pytest.raises(ValueError, match=message):
        read_timestamps(pd.Series(values), "t")


def test_times_with_a_zone_become_utc() -> None:
    """Noon in Tokyo is three in the morning in UTC."""
    zoned = pd.Series(pd.to_datetime(["2024-01-01T12:00:00"])).dt.tz_localize("Asia/Tokyo")
    assert read_timestamps(zoned, "t")[0] == np.datetime64("2024-01-01T03:00:00")
    text = pd.Series(["2024-01-01T12:00:00+09:00"])
    assert read_timestamps(text, "t")[0] == np.datetime64("2024-01-01T03:00:00")


def test_numbers_stay_what_they_are() -> None:
    """Unix seconds are not turned into datetimes."""
    assert read_timestamps(pd.Series([978300760]), "t").tolist() == [978300760]
    assert read_timestamps(pd.Series([1.5], dtype="float32"), "t").dtype == np.float64


def test_quoted_shows_the_plain_number() -> None:
    """No numpy type names in errors."""
    assert quoted(np.int64(-1)) == "-1"
