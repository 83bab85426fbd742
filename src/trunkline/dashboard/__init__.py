"""The web page: its files, who may see it, and what it is told. Nothing here is on the way of a model request."""
