"""End-to-end tests with real coding agents."""
