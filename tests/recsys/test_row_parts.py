"""Attributes in pieces: joined as one machine would have them, and read when they are asked for."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import suffuse as sf
from suffuse.recsys import row_parts
from suffuse.recsys.fitted import ROWS, require_fitted
from suffuse.recsys.row_parts import (
    RowReader,
    StoredRows,
    all_rows,
    described_rows,
    fitted_state,
    forget_replaced,
    has_fitted,
    joined,
    rows_of,
    set_rows,
    size_of,
)
from suffuse.recsys.store_manifest import CorruptModelError
from suffuse.recsys.store_parts import PartWriter

MATRIX = sparse.csr_array(np.array([[0, 1.5], [0, 0], [2, 3], [4, 0]], np.float32))


def stored(folder: Path, name: str, value: Any, cuts: tuple[int, ...]) -> StoredRows:
    """A value in pieces."""
    writer = PartWriter(folder)
    pieces = [described_rows(writer, name, value[start:stop]) for start, stop in pairwise(cuts)]
    return RowReader(folder).rows(pieces)


def als(folder: Path) -> Any:
    """A fitted model, its users in two pieces."""
    model = sf.ALS(n_factors=2, regularization=0.1).fit(sf.datasets.tiny_world().interactions)
    n = len(model.user_ids_)
    rows = {
        name: stored(folder, name, getattr(model, name), (0, 1, n))
        for name in ("user_ids_", "interactions_", "user_factors_")
    }
    set_rows(model, rows)
    return model


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_pieces_are_joined_as_scipy_and_numpy_join_them(data: st.DataObject) -> None:
    """To the bit, in order, with pieces of no row and of no cell; nobody writes to the result."""
    lengths = data.draw(st.lists(st.integers(0, 4), min_size=2, max_size=5))
    width = data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dense = [rng.normal(size=(n, width)) * (rng.random((n, width)) < 0.5) for n in lengths]
    parts = [sparse.csr_array(part) for part in dense]
    ids = [np.array([str(n) * n for n in range(n)], object) for n in lengths]
    with ThreadPoolExecutor(2) as pool:
        found = joined(parts, pool)
        np.testing.assert_array_equal(joined(dense, pool), np.concatenate(dense))
        assert joined(ids, pool).tolist() == np.concatenate(ids).tolist()
    wanted = sparse.vstack(parts, format="csr")
    assert found.shape == wanted.shape
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
        assert not getattr(found, name).flags.writeable
    assert found.indices.dtype == found.indptr.dtype == np.int32


def test_texts_of_several_widths_and_one_piece() -> None:
    """None is cut off; and one piece is not copied."""
    with ThreadPoolExecutor(1) as pool:
        assert joined([np.array(["a"]), np.array(["abc"])], pool).tolist() == ["a", "abc"]
        assert joined([MATRIX], pool) is MATRIX


def test_sizes_are_known_without_reading(tmp_path: Path) -> None:
    """Rows, columns and cells; of read ones too."""
    rows = stored(tmp_path, "x_", MATRIX, (0, 3, 3, 4))
    assert (rows.shape, rows.n_cells, len(rows), rows.is_read) == ((4, 2), 4, 4, False)
    value = rows.value()
    assert (value != MATRIX).nnz == 0
    assert rows.is_read
    again = StoredRows.of(value)
    assert (again.shape, again.n_cells, again.is_read) == ((4, 2), 4, True)
    ids = stored(tmp_path, "user_ids_", np.array(["a", "b"], object), (0, 1, 2))
    assert (ids.shape, ids.n_cells) == ((2,), None)
    assert ids.value().tolist() == ["a", "b"]


def test_one_piece_is_a_memory_map(tmp_path: Path) -> None:
    """As an array that was saved whole."""
    assert isinstance(stored(tmp_path, "x_", np.arange(6.0), (0, 6)).value(), np.memmap)


def test_a_value_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whichever thread comes first; all get the same object, and equal parts are one."""
    rows = stored(tmp_path, "x_", MATRIX, (0, 2, 4))
    calls, join = [], row_parts.joined

    def counted(parts: Any, pool: Any) -> Any:
        calls.append(len(parts))
        return join(parts, pool)

    monkeypatch.setattr(row_parts, "joined", counted)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(rows.value())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [2]
    assert all(value is found[0] for value in found)
    reader = RowReader(tmp_path)
    assert reader.rows(rows.pieces) is reader.rows(list(rows.pieces))


def test_damage_is_found_when_somebody_asks(tmp_path: Path) -> None:
    """Of the contents then, by the file's name; of what is missing or short, at once."""
    rows = stored(tmp_path, "x_", MATRIX, (0, 2, 4))
    victim = tmp_path / rows.pieces[1]["files"]["data"]["name"]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    late = RowReader(tmp_path).rows(rows.pieces)
    for ask in (late.value, late.check):
        with pytest.raises(CorruptModelError, match=rf"{victim.name} is damaged \(its sha256"):
            ask()
    victim.write_bytes(whole[:-1])
    with pytest.raises(CorruptModelError, match=rf"{victim.name} is damaged \(its size"):
        RowReader(tmp_path).rows(rows.pieces)
    victim.unlink()
    with pytest.raises(CorruptModelError, match=rf"{victim.name} is missing"):
        RowReader(tmp_path).rows(rows.pieces)
    with pytest.raises(CorruptModelError, match=rf"{victim.name} has gone since .* load the model"):
        late.value()
    victim.write_bytes(whole)
    late.check()
    assert not late.is_read
    assert (late.value() != MATRIX).nnz == 0


def test_pieces_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Of two widths, of none, outside of the folder, of another shape than they are said to be."""
    writer = PartWriter(tmp_path)
    narrow, wide = (described_rows(writer, "x_", np.ones((2, n))) for n in (1, 2))
    with pytest.raises(TypeError, match="pieces of"):
        StoredRows(tmp_path, [narrow, wide])
    with pytest.raises(KeyError, match="of"):
        StoredRows(tmp_path, [])
    file = narrow["files"]["array"] | {"name": "../x_.npy"}
    with pytest.raises(CorruptModelError, match="must lie in the model folder"):
        RowReader(tmp_path).rows([narrow | {"files": {"array": file}}])
    with pytest.raises(CorruptModelError, match=r"must have shape \(3, 1\); got \(2, 1\)"):
        StoredRows(tmp_path, [narrow | {"shape": [3, 1]}]).value()


def test_a_model_reads_what_it_is_asked_for(tmp_path: Path) -> None:
    """And nothing for what a person asks of every model."""
    model = als(tmp_path)
    whole = sf.ALS(n_factors=2, regularization=0.1).fit(sf.datasets.tiny_world().interactions)
    require_fitted(model)
    assert size_of(model, "interactions_") == size_of(whole, "interactions_")
    assert size_of(model, "user_ids_") == (len(whole.user_ids_), None)
    assert not hasattr(model, "social_")
    assert has_fitted(model, "user_factors_")
    assert not has_fitted(model, "social_")
    assert model.estimate_memory().stages == whole.estimate_memory().stages
    copy.copy(model)
    assert repr(model) == repr(whole)
    assert not any(rows.is_read for rows in rows_of(model).values())
    assert len(all_rows(model)) == 3
    np.testing.assert_array_equal(model.user_factors_, whole.user_factors_)
    assert model.user_factors_ is model.user_factors_
    assert set(rows_of(model)) == {"user_ids_", "interactions_"}
    assert len(all_rows(model)) == 2
    state = fitted_state(model)
    assert set(state) == set(fitted_state(whole))
    assert model.recommend(k=2).equals(whole.recommend(k=2))


class Broken(sf.ALS):
    """A property that fails on the way."""

    @property
    def middle_(self) -> int:
        """Asks for what nobody has."""
        return len(self.nothing_)


def test_names_that_are_not_there_are_refused_in_pythons_words(tmp_path: Path) -> None:
    """Fitted or not; and a property that fails says what it looked for."""
    for model in (als(tmp_path), sf.ALS()):
        with pytest.raises(AttributeError, match="'ALS' object has no attribute 'oracle_'"):
            _ = model.oracle_
        with pytest.raises(AttributeError, match="'ALS' object has no attribute '_rowz'"):
            _ = model._rowz
    with pytest.raises(AttributeError, match="'Broken' object has no attribute 'nothing_'"):
        _ = Broken().middle_
    with pytest.raises(sf.NotFittedError):
        require_fitted(sf.ALS())


def test_copies_and_pickles(tmp_path: Path) -> None:
    """A shallow or deep copy reads on its own and once for all; a pickle needs no folder."""
    model = als(tmp_path)
    shallow, deep = copy.copy(model), copy.deepcopy(model)
    assert not any(rows.is_read for rows in rows_of(deep).values())
    assert shallow.user_ids_ is model.user_ids_ is deep.user_ids_
    lists = model.recommend(k=2)
    data = pickle.dumps(als(tmp_path))
    for path in tmp_path.iterdir():
        path.unlink()
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.user_ids_, model.user_ids_)
    assert again.recommend(k=2).equals(lists)


def test_what_takes_their_place_is_not_kept_twice(tmp_path: Path) -> None:
    """Set names win; then the pieces go, and with them what held their folder."""
    model = als(tmp_path)

    class Folder:
        """What lives as long as it is needed."""

    thing = Folder()
    for rows in all_rows(model):
        rows.keep(thing)
    model.user_ids_ = np.arange(3)
    forget_replaced(model)
    assert set(vars(model)[ROWS]) == {"interactions_", "user_factors_"}
    set_rows(model, {"user_ids_": StoredRows.of(np.arange(4))})
    assert len(model.user_ids_) == 4
    model.fit(sf.datasets.tiny_world().interactions)
    assert ROWS not in vars(model)
