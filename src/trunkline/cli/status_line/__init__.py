"""Claude Code's status line. It is drawn several times a minute: nothing here loads more than it needs."""
