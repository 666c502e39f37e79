"""Praxia: robot foundation models, from demonstrations to an evaluated policy."""

__version__ = "0.1.0"
