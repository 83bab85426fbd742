"""claude-code-router's ``config.json``, read as it is and never written."""
