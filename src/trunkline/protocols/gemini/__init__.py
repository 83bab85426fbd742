"""Google Gemini generateContent: the Developer API's, Vertex's and Databricks' form of it."""

from trunkline.protocols.gemini.codec import GEMINI
from trunkline.protocols.gemini.count import GEMINI_COUNT
from trunkline.protocols.gemini.json_array import JsonArrayFramer, JsonArrayWriter
from trunkline.protocols.gemini.path import Called, read_path

__all__ = ["GEMINI", "GEMINI_COUNT", "Called", "JsonArrayFramer", "JsonArrayWriter", "read_path"]
