"""Trunkline: one line from every coding agent to every model."""

__version__ = "0.1.0"
