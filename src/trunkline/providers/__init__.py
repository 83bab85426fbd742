"""Providers: where a model is served, how it is asked, and how it deviates. Pure values and functions."""
