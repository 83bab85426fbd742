"""The server on loopback, and clients that may do anything."""
