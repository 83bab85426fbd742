"""Searching the web and reading pages, for clients whose provider has no search of its own."""

from trunkline.upstream.search.finder import WebFinder

__all__ = ["WebFinder"]
