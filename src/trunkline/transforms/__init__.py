"""Edits of requests and streams in the neutral vocabulary."""
