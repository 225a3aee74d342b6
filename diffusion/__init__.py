"""Ground floor: the propagation operator, its filters, its physics."""

if __name__ != "suffuse.diffusion":
    raise ImportError(
        f"this folder is suffuse.diffusion, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )
