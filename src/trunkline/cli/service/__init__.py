"""The gateway in the background: where its files are, whether it runs, how it is started and stopped."""
