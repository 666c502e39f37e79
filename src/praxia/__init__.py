"""Praxia: robot foundation models, from demonstrations to a judged policy."""

__version__ = "0.1.0"
