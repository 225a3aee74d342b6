"""The library's advice in the words of the command line: options in place of arguments."""

from __future__ import annotations

import re

#: what sentences of the library say, and the option that does the same
_OPTIONS = (
    (r'columns=\{"(source_id|target_id)": "?([^"}]*)"?\}', r"--social-columns \1=\2"),
    (r'columns=\{"(\w+)": "?([^"}]*)"?\}', r"--columns \1=\2"),
    (r'unknown_users="skip", "warn" or "popular"', "--unknown-users skip, warn or popular"),
    (r"\(--force, overwrite=True\)", "(--force)"),
    (r"interactions= or social=", "--interactions or --social"),
    (r"social=\.\.\.", "--social"),
    (r"(pass|with) overwrite=True", r"\1 --force"),
    (r"with resume=True", "with --resume"),
    (r"resume=False", "--fresh"),
    (r"\bn_shards\b", "--shards"),
    (r"\(shard_tables\)", "(suffuse shard)"),
    (r"with shard_tables", "with suffuse shard"),
    (r"directed=False", "--no-directed"),
    (r"directed=True", "--directed"),
)


def in_options(text: str) -> str:
    """A sentence of the library with options in place of Python's arguments.

    Examples
    --------
    >>> in_options('say which one it is with columns={"user_id": "its name"}')
    'say which one it is with --columns user_id=its name'
    """
    for pattern, option in _OPTIONS:
        text = re.sub(pattern, option, text)
    return text
