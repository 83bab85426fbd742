"""What a target cannot express: one value per thing left behind."""

from msgspec import Struct


class Loss(Struct, frozen=True):
    """A field of the client's request that the target cannot express, and why.

    Goes into the exchange's record and the ``x-trunkline-losses`` header. Knobs may be lost;
    content and tools never are: they are carried, emulated or refused.
    """

    field: str
    why: str
