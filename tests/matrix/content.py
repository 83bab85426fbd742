"""Features of a request: instructions and what a conversation holds."""

from collections.abc import Callable

from matrix.cells import A, Body, C, Feature, G, R
from matrix.samples import (
    PDF,
    PNG,
    WAV,
    calls,
    chat,
    gemini,
    in_r,
    messages,
    parts_g,
    responses,
    said_r,
    text_a,
    user,
)
from wire.inventories import INVENTORY
from wire.inventory import Inventory

PICTURE_URL = "https://example.com/picture.png"
FILE_URL = "https://example.com/paper.pdf"
GOOGLE_FILE = "https://generativelanguage.googleapis.com/v1beta/files/abc"


def counted(what: Callable[[Inventory], object]) -> dict[str, Callable[[Body], object]]:
    """Reads that count content with the inventories of the recorded requests."""
    return {name: (lambda body, count=count: what(count(body))) for name, count in INVENTORY.items()}


def has(text: str, *roles: str) -> Callable[[Body], object]:
    """Whether a turn of one of these roles says ``text``."""

    def read(body: Body) -> object:
        turns = body.get("messages") or body.get("input") or []
        assert isinstance(turns, list)
        return any(turn.get("role") in roles and text in str(turn.get("content")) for turn in turns)

    return read


MEDIA = counted(lambda found: found.media)
CALLS = counted(lambda found: found.calls)


def picture(data: str | None = None, url: str | None = None) -> dict[str, Body]:
    """A user's picture, by value or by URL."""
    source = (
        {"type": "url", "url": url} if url else {"type": "base64", "media_type": "image/png", "data": data}
    )
    link = url or f"data:image/png;base64,{data}"
    part = {"fileData": {"fileUri": url, "mimeType": "image/png"}} if url else {
        "inlineData": {"mimeType": "image/png", "data": data}
    }  # fmt: skip
    return {
        A: messages(user(text_a("see"), {"type": "image", "source": source})),
        C: chat(user(text_a("see"), {"type": "image_url", "image_url": {"url": link}})),
        R: responses(said_r("user", in_r("see"), {"type": "input_image", "image_url": link})),
        G: gemini(parts_g({"text": "see"}, part)),
    }


def pdf(data: str | None = None, url: str | None = None) -> dict[str, Body]:
    """A user's PDF, by value or by URL; Chat has no URLs of its own."""
    link = f"data:application/pdf;base64,{data}"
    source = (
        {"type": "url", "url": url}
        if url
        else {"type": "base64", "media_type": "application/pdf", "data": data}
    )
    named = {"file_url": url} if url else {"file_data": link, "filename": "paper.pdf"}
    part = {"fileData": {"fileUri": url, "mimeType": "application/pdf"}} if url else {
        "inlineData": {"mimeType": "application/pdf", "data": data}
    }  # fmt: skip
    found = {
        A: messages(user(text_a("read"), {"type": "document", "source": source})),
        R: responses(said_r("user", in_r("read"), {"type": "input_file", **named})),
        G: gemini(parts_g({"text": "read"}, part)),
    }
    if data:
        file = {"file_data": link, "filename": "paper.pdf"}
        found[C] = chat(user(text_a("read"), {"type": "file", "file": file}))
    return found


def picture_in_result() -> dict[str, Body]:
    """A tool that answers with a picture."""
    found = calls({"city": "Oslo"})
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    result = {"type": "tool_result", "tool_use_id": "call_0", "content": [image]}
    found[A]["messages"][-1] = user(result)  # type: ignore[index]
    item = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}
    found[R]["input"][-1] = {"type": "function_call_output", "call_id": "call_0", "output": [item]}  # type: ignore[index]
    blob = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    answered = {"id": "call_0", "name": "weather", "response": {}, "parts": [blob]}
    found[G]["contents"][-1] = parts_g({"functionResponse": answered})  # type: ignore[index]
    del found[C]
    return found


FEATURES = [
    Feature(
        name="system text",
        samples={
            A: messages(system="be brief"),
            C: chat({"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}),
            R: responses(instructions="be brief"),
            G: gemini(systemInstruction={"parts": [{"text": "be brief"}]}),
        },
        reads={
            A: lambda body: "be brief" in str(body.get("system")),
            C: has("be brief", "system", "developer"),
            R: lambda body: "be brief" in str(body.get("instructions")),
            G: lambda body: "be brief" in str(body.get("systemInstruction")),
        },
    ),
    Feature(
        name="instruction in mid-conversation",
        samples={
            A: messages(user(text_a("hello")), {"role": "system", "content": "be brief"}),
            C: chat({"role": "user", "content": "hello"}, {"role": "system", "content": "be brief"}),
            R: responses(said_r("user", in_r("hello")), said_r("developer", in_r("be brief"))),
        },
        reads={A: has("be brief", "system"), C: has("be brief", "system", "developer"), R: has("be brief", "system", "developer")},
        marks=("be brief",),
    ),
    Feature(
        name="several user turns in a row",
        samples={
            A: messages(user(text_a("one")), user(text_a("two"))),
            C: chat({"role": "user", "content": "one"}, {"role": "user", "content": "two"}),
            R: responses(said_r("user", in_r("one")), said_r("user", in_r("two"))),
            G: gemini(parts_g({"text": "one"}), parts_g({"text": "two"})),
        },
        reads={
            A: lambda body: len(body["messages"]) == 2,  # type: ignore[arg-type]
            C: lambda body: len(body["messages"]) == 2,  # type: ignore[arg-type]
            R: lambda body: len(body["input"]) == 2,  # type: ignore[arg-type]
            G: lambda body: len(body["contents"]) == 2,  # type: ignore[arg-type]
        },
        marks=("two",),
    ),
    Feature(name="picture by value", samples=picture(data=PNG), reads=MEDIA),
    Feature(name="picture by URL", samples=picture(url=PICTURE_URL), reads=MEDIA),
    Feature(name="picture's level of detail", samples={
        C: chat(user({"type": "image_url", "image_url": {"url": PICTURE_URL, "detail": "low"}})),
        R: responses(said_r("user", {"type": "input_image", "image_url": PICTURE_URL, "detail": "low"})),
    }, reads={C: "messages.*.content.*.image_url.detail", R: "input.*.content.*.detail"}),
    Feature(name="PDF by value", samples=pdf(data=PDF), reads=MEDIA),
    Feature(name="PDF by URL", samples=pdf(url=FILE_URL), reads=MEDIA),
    Feature(
        name="text document with a title",
        samples={
            A: messages(user({"type": "document", "title": "Notes", "source": {"type": "text", "media_type": "text/plain", "data": "the notes"}})),
        },
        reads={A: "messages.*.content.*.title"},
        marks=("the notes",),
    ),
    Feature(
        name="search results as content",
        samples={
            A: messages(user({"type": "search_result", "source": "https://example.com", "title": "Found", "content": [text_a("what was found")]})),
        },
        reads={A: "messages.*.content.*.source"},
        marks=("what was found",),
    ),
    Feature(
        name="file stored at the provider",
        samples={
            A: messages(user({"type": "document", "source": {"type": "file", "file_id": "file_1"}})),
            C: chat(user({"type": "file", "file": {"file_id": "file_1"}})),
            R: responses(said_r("user", {"type": "input_file", "file_id": "file_1"})),
            G: gemini(parts_g({"fileData": {"fileUri": GOOGLE_FILE, "mimeType": "application/pdf"}})),
        },
        reads={
            A: "messages.*.content.*.source.file_id",
            C: "messages.*.content.*.file.file_id",
            R: "input.*.content.*.file_id",
            G: "contents.*.parts.*.fileData.fileUri",
        },
        marks=(GOOGLE_FILE,),
    ),
    Feature(
        name="sound",
        samples={
            C: chat(user({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})),
            R: responses(said_r("user", {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})),
            G: gemini(parts_g({"inlineData": {"mimeType": "audio/wav", "data": WAV}})),
        },
        reads=MEDIA,
    ),
    Feature(name="video", samples={G: gemini(parts_g({"inlineData": {"mimeType": "video/mp4", "data": "AAAAIGZ0eXBpc29t"}}))}, reads=MEDIA),
    Feature(name="call and result", samples=calls({"city": "Oslo"}), reads=CALLS),
    Feature(name="parallel calls", samples=calls({"city": "Oslo"}, {"city": "Rome"}), reads=CALLS),
    Feature(name="call without arguments", samples=calls({}), reads=CALLS),
    Feature(
        name="result that is an error",
        samples={name: body for name, body in calls({}, outcome="no such city", failed=True).items() if name in (A, G)},
        reads={A: "messages.*.content.*.is_error", G: lambda body: [True] if dig_errors(body) else []},
        marks=("[error]", "Error", "error:"),
    ),
    Feature(
        name="picture in a result",
        samples=picture_in_result(),
        reads={
            A: "messages.*.content.*.content.*.source.data",
            R: lambda body: [PNG] if PNG in str([item for item in body["input"] if item["type"].endswith("_output")]) else [],  # type: ignore[union-attr, index]
            G: "contents.*.parts.*.functionResponse.parts.*.inlineData.data",
        },
        marks=(PNG,),
    ),
    Feature(
        name="conversation that ends with the assistant",
        samples={
            A: messages(user(text_a("hello")), user(text_a("Well, "), role="assistant")),
            C: chat({"role": "user", "content": "hello"}, {"role": "assistant", "content": "Well, "}),
            R: responses(said_r("user", in_r("hello")), said_r("assistant", {"type": "output_text", "text": "Well, "})),
            G: gemini(parts_g({"text": "hello"}), parts_g({"text": "Well, "}, role="model")),
        },
        reads={
            A: lambda body: "Well," in str(body["messages"][-1]),  # type: ignore[index]
            C: lambda body: "Well," in str(body["messages"][-1]),  # type: ignore[index]
            R: lambda body: "Well," in str(body["input"][-1]),  # type: ignore[index]
            G: lambda body: "Well," in str(body["contents"][-1]),  # type: ignore[index]
        },
    ),
    Feature(
        name="names of speakers",
        samples={C: chat({"role": "user", "name": "ann", "content": "hello"})},
        reads={C: "messages.*.name"},
    ),
    Feature(
        name="commentary and final answer apart",
        samples={
            R: responses(
                said_r("user", in_r("hello")),
                {**said_r("assistant", {"type": "output_text", "text": "hm"}), "phase": "commentary"},
                said_r("user", in_r("go on")),
            ),
        },
        reads={R: "input.*.phase"},
        marks=("hm",),
    ),
]  # fmt: skip


def dig_errors(body: Body) -> bool:
    """A result of Gemini's that says it is an error."""
    contents = body["contents"]
    assert isinstance(contents, list)
    found = [part.get("functionResponse") for content in contents for part in content["parts"]]
    return any(one and "error" in one["response"] for one in found)
