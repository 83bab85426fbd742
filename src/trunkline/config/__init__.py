"""Configuration: what a user may write, and how it is read from every form it comes in."""
