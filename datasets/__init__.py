"""Side wing: tables, readers, synthetic worlds, splits."""

if __name__ != "suffuse.datasets":
    raise ImportError(
        f"this folder is suffuse.datasets, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )
