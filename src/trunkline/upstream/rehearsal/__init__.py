"""A provider without a network: it answers with recorded traffic, so that an agent can be tried with no key.

``scene`` decides what to play, ``sample`` makes up values for a schema, ``tapes`` holds the recordings and
fits them to the request, ``stage`` plays them as an upstream.
"""

from trunkline.upstream.rehearsal.stage import RehearsalUpstream

__all__ = ["RehearsalUpstream"]
