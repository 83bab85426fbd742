"""The requests we write: messages, parts and tools as values that encode straight to JSON."""

from msgspec import UNSET, Raw, Struct, UnsetType

from trunkline.protocols.openai_chat.reasoning import DetailOut, ReasoningPartOut

CacheOut = dict[str, str]


class TextOut(Struct, tag_field="type", tag="text", omit_defaults=True):
    """A text part."""

    text: str
    cache_control: CacheOut | None = None


class UrlOut(Struct, omit_defaults=True):
    """``image_url``."""

    url: str
    detail: str | None = None


class ImageOut(Struct, tag_field="type", tag="image_url", omit_defaults=True):
    """An image part."""

    image_url: UrlOut
    cache_control: CacheOut | None = None


class FileData(Struct, omit_defaults=True):
    """``file``."""

    filename: str | None = None
    file_data: str | None = None
    file_id: str | None = None


class FileOut(Struct, tag_field="type", tag="file", omit_defaults=True):
    """A file part."""

    file: FileData
    cache_control: CacheOut | None = None


class DocumentUrlOut(Struct, tag_field="type", tag="document_url", omit_defaults=True):
    """Mistral's file by URL."""

    document_url: str
    document_name: str | None = None


class AudioData(Struct):
    """``input_audio``."""

    data: str
    format: str


class AudioOut(Struct, tag_field="type", tag="input_audio"):
    """A sound part."""

    input_audio: AudioData


PartOut = TextOut | ImageOut | FileOut | DocumentUrlOut | AudioOut | Raw | ReasoningPartOut
Content = str | list[PartOut]


class SystemOut(Struct, tag_field="role", tag="system", omit_defaults=True):
    """An instruction."""

    content: Content
    name: str | None = None


class DeveloperOut(Struct, tag_field="role", tag="developer", omit_defaults=True):
    """An instruction of the developer's rank."""

    content: Content
    name: str | None = None


class UserOut(Struct, tag_field="role", tag="user", omit_defaults=True):
    """A user turn."""

    content: Content
    name: str | None = None


class FunctionOut(Struct):
    """Name and arguments of a call."""

    name: str
    arguments: str


class CallOut(Struct, tag_field="type", tag="function", omit_defaults=True):
    """A call in history."""

    id: str
    function: FunctionOut
    thoughtSignature: str | None = None
    cache_control: CacheOut | None = None


class AssistantOut(Struct, tag_field="role", tag="assistant", omit_defaults=True):
    """An assistant turn."""

    content: Content | UnsetType | None = UNSET
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[DetailOut | Raw] | None = None
    tool_calls: list[CallOut] | None = None
    name: str | None = None


class ToolOut(Struct, tag_field="role", tag="tool"):
    """A tool's result."""

    tool_call_id: str
    content: str


MessageOut = SystemOut | DeveloperOut | UserOut | AssistantOut | ToolOut


class FunctionToolData(Struct, omit_defaults=True):
    """``function`` of a tool."""

    name: str
    description: str | None = None
    parameters: Raw | None = None
    strict: bool | None = None
    cache_control: CacheOut | None = None


class FunctionToolOut(Struct, tag_field="type", tag="function"):
    """A declared tool."""

    function: FunctionToolData
