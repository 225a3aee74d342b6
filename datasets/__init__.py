"""Side wing: tables, readers, synthetic worlds, splits."""

if __name__ != "suffuse.datasets":
    raise ImportError(
        f"this folder is suffuse.datasets, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .archives import read_hetrec_lastfm, read_trust_archive
    from .embedded import TinyWorld, co_attendance, load_davis, tiny_world
    from .foreign_tables import from_bipartite, to_bipartite
    from .interactions import Interactions
    from .planting import WorldShape
    from .readers import read_interactions, read_social, read_table, write_table
    from .registry import Download, Publication, data_folder, describe, fetch, publications
    from .sharded_tables import ShardedTables, open_tables
    from .sharding import shard_tables
    from .social_graph import SocialGraph
    from .split_folder import SplitFolder, read_split_folder
    from .splits import (
        social_until,
        split_cold_users,
        split_global_time,
        split_leave_k_out,
        split_random,
    )
    from .synthetic import SocialWorld, make_social_world
    from .tables import as_interactions, as_social_graph
    from .truth import Truth

__all__ = [
    "Download",
    "Interactions",
    "Publication",
    "ShardedTables",
    "SocialGraph",
    "SocialWorld",
    "SplitFolder",
    "TinyWorld",
    "Truth",
    "WorldShape",
    "as_interactions",
    "as_social_graph",
    "co_attendance",
    "data_folder",
    "describe",
    "fetch",
    "from_bipartite",
    "load_davis",
    "make_social_world",
    "open_tables",
    "publications",
    "read_hetrec_lastfm",
    "read_interactions",
    "read_social",
    "read_split_folder",
    "read_table",
    "read_trust_archive",
    "shard_tables",
    "social_until",
    "split_cold_users",
    "split_global_time",
    "split_leave_k_out",
    "split_random",
    "tiny_world",
    "to_bipartite",
    "write_table",
]

_HOMES = {
    "foreign_tables": ("from_bipartite", "to_bipartite"),
    "archives": ("read_hetrec_lastfm", "read_trust_archive"),
    "embedded": ("TinyWorld", "co_attendance", "load_davis", "tiny_world"),
    "interactions": ("Interactions",),
    "planting": ("WorldShape",),
    "readers": ("read_interactions", "read_social", "read_table", "write_table"),
    "registry": ("Download", "Publication", "data_folder", "describe", "fetch", "publications"),
    "sharded_tables": ("ShardedTables", "open_tables"),
    "sharding": ("shard_tables",),
    "social_graph": ("SocialGraph",),
    "split_folder": ("SplitFolder", "read_split_folder"),
    "splits": (
        "social_until",
        "split_cold_users",
        "split_global_time",
        "split_leave_k_out",
        "split_random",
    ),
    "synthetic": ("SocialWorld", "make_social_world"),
    "tables": ("as_interactions", "as_social_graph"),
    "truth": ("Truth",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that importing the room is cheap."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
