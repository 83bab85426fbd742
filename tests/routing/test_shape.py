"""What a request is, read from bodies of every protocol."""

import msgspec
import pytest

from trunkline.routing.shape import RequestShape, shape_of

PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 40_000}}
PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 40_000},
}


def user(*content: object) -> dict[str, object]:
    return {"role": "user", "content": list(content)}


FLAGS: list[tuple[str, dict[str, object], set[str]]] = [
    ("nothing", {"messages": [{"role": "user", "content": "hi"}]}, set()),
    ("vector 18", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {"web_search"}),
    ("responses search", {"tools": [{"type": "web_search"}]}, {"web_search"}),
    ("vector 19", {"tools": [{"name": "WebSearch", "input_schema": {"type": "web_search"}}]}, set()),
    ("chat function", {"tools": [{"type": "function", "function": {"name": "web_search"}}]}, set()),
    ("vector 20", {"thinking": {"type": "enabled", "budget_tokens": 4000}}, {"thinking"}),
    ("vector 21", {"thinking": {"type": "disabled"}}, set()),
    ("disabled wins", {"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, set()),
    ("vector 22", {"thinking": {"type": "adaptive"}}, set()),
    ("adaptive medium", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}, set()),
    (
        "adaptive high",
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        {"thinking"},
    ),
    ("adaptive max", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"thinking"}),
    ("chat low", {"reasoning_effort": "low"}, set()),
    ("chat high", {"reasoning_effort": "high"}, {"thinking"}),
    ("responses medium", {"reasoning": {"effort": "medium"}}, set()),
    ("responses xhigh", {"reasoning": {"effort": "xhigh"}}, {"thinking"}),
    ("vector 33", {"messages": [user({"type": "text", "text": "see"}, PICTURE)]}, {"image", "image_last"}),
    ("vector 34", {"messages": [user(PICTURE), {"role": "assistant", "content": "seen"}]}, {"image"}),
    (
        "picture in a result",
        {"messages": [user({"type": "tool_result", "tool_use_id": "t", "content": [PICTURE]})]},
        {"image", "image_last"},
    ),
    (
        "chat picture",
        {"messages": [user({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}})]},
        {"image", "image_last"},
    ),
    (
        "responses picture",
        {"input": [user({"type": "input_image", "image_url": "data:image/png;base64,AAAA"})]},
        {"image", "image_last"},
    ),
    (
        "gemini picture",
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [{"text": "see"}, {"inlineData": {"mimeType": "image/png", "data": "AA"}}],
                }
            ]
        },
        {"image", "image_last"},
    ),
    (
        "gemini picture by address",
        {
            "contents": [
                {"parts": [{"file_data": {"mime_type": "image/png", "file_uri": "gs://x"}}]},
                {"parts": []},
            ]
        },
        {"image"},
    ),
    (
        "gemini picture in a result",
        {
            "contents": [
                {
                    "parts": [
                        {
                            "functionResponse": {
                                "name": "f",
                                "response": {},
                                "parts": [{"inlineData": {"mimeType": "image/jpeg", "data": "AA"}}],
                            }
                        }
                    ]
                }
            ]
        },
        {"image", "image_last"},
    ),
    (
        "gemini file",
        {"contents": [{"parts": [{"inlineData": {"mimeType": "application/pdf", "data": "A"}}]}]},
        set(),
    ),
    ("gemini search", {"tools": [{"googleSearch": {}}]}, {"web_search"}),
    ("gemini functions", {"tools": [{"functionDeclarations": [{"name": "web_search"}]}]}, set()),
    ("gemini thinks as ever", {"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH"}}}, set()),
    (
        "responses result picture",
        {
            "input": [
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [{"type": "input_image", "image_url": "data:"}],
                }
            ]
        },
        {"image", "image_last"},
    ),
    ("a file is no picture", {"messages": [user(PDF)]}, set()),
    ("the word alone", {"messages": [user({"type": "text", "text": '{"type":"image"}'})]}, set()),
    ("a text about images", {"messages": [{"role": "user", "content": '"image" and "document"'}]}, set()),
    (
        "odd thinking",
        {"thinking": "on", "tools": "none", "messages": 7, "output_config": [], "reasoning": 1},
        set(),
    ),
    (
        "odd items",
        {"tools": [1, None, {"type": 3}, {"type": "web_search"}], "messages": [1, {"content": [2]}]},
        {"web_search"},
    ),
    ("odd block", {"messages": [user(7, {"type": 7}, {"type": "text"}, PICTURE)]}, {"image", "image_last"}),
]


@pytest.mark.parametrize(("body", "true"), [row[1:] for row in FLAGS], ids=[row[0] for row in FLAGS])
def test_flags(body: dict[str, object], true: set[str]) -> None:
    shape = shape_of(msgspec.json.encode(body))
    assert {
        name for name in ("thinking", "web_search", "image", "image_last") if getattr(shape, name)
    } == true


def test_tokens_are_a_quarter_of_the_bytes() -> None:
    body = msgspec.json.encode({"messages": [{"role": "user", "content": "a" * 39_957}]})
    assert len(body) == 40_000
    assert shape_of(body).tokens == 10_000


@pytest.mark.parametrize("attachment", [PICTURE, PDF], ids=["picture", "file"])
def test_attachments_do_not_count_as_text(attachment: dict[str, object]) -> None:
    assert shape_of(msgspec.json.encode({"messages": [user(attachment)]})).tokens < 20
    nested = user({"type": "tool_result", "tool_use_id": "t", "content": [attachment]})
    assert shape_of(msgspec.json.encode({"messages": [nested]})).tokens < 40


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff\xfe", b'{"tools": [\xff]}', b"null"])
def test_what_is_unreadable_is_only_measured(body: bytes) -> None:
    assert shape_of(body) == RequestShape(tokens=len(body) // 4)


def test_results_nested_without_end_are_left_alone() -> None:
    content: object = [PICTURE]
    for _ in range(50):
        content = [{"type": "tool_result", "content": content}]
    assert (
        shape_of(msgspec.json.encode({"messages": [{"role": "user", "content": content}]})).image is False
    )
