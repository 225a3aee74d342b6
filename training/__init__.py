"""How parameters are found, stably."""

if __name__ != "suffuse.training":
    raise ImportError(
        f"this folder is suffuse.training, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )
