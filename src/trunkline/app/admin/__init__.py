"""What administration over HTTP does: each group of claude-code-router's routes in a module of its own."""
