"""The documents of the systems that Trunkline takes the place of, walked through from top to bottom.

One file a document: its commands and requests as its user types and sends them, with only host and token replaced by
the stand-in workspace, and ports by free ones.
"""
