"""Presets: configurations to share, as data only."""
