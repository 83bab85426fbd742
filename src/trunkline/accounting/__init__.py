"""Counting: token estimates, usage, prices."""
