"""Amazon Bedrock's Converse, toward providers only: no client speaks it here (docs/adr/0018)."""

from trunkline.protocols.bedrock_converse.codec import BEDROCK_CONVERSE
from trunkline.protocols.bedrock_converse.errors import refine
from trunkline.protocols.bedrock_converse.frames import ConverseUnframer, exception_of

__all__ = ["BEDROCK_CONVERSE", "ConverseUnframer", "exception_of", "refine"]
