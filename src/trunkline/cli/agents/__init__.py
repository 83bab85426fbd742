"""Coding agents: one file each, which says how that agent is pointed at the gateway by its own means."""
