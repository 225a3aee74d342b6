"""What a person recommends and judges with."""

if __name__ != "suffuse.recsys":
    raise ImportError(
        f"this folder is suffuse.recsys, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )
