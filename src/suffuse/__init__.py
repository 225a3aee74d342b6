"""Suffuse: social recommendation by stable diffusion."""

__version__ = "0.1.0"
