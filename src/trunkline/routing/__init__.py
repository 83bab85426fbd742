"""Who serves a request, and what after a failure: decisions as values."""
