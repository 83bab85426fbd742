"""Conversations of other protocols as this server accepts them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.anthropic_messages.room import (
    ROOM,
    ask,
    assistant,
    call,
    encode,
    lost,
    raw,
    recorded,
    result,
    sent,
    user,
)
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.types import (
    Audio,
    CacheMark,
    Document,
    Image,
    Message,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

HERE = Facts(provider="dbx", model="claude")


def messages(*given: Message, facts: Facts | None = None) -> Any:
    return sent(ask(*given), facts)["messages"]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def tool_result(call_id: str, words: str = "ok", **fields: object) -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": [text(words)], **fields}


def test_a_plain_conversation() -> None:
    assert messages(user("a"), assistant("b"), user("c")) == [
        {"role": "user", "content": [text("a")]},
        {"role": "assistant", "content": [text("b")]},
        {"role": "user", "content": [text("c")]},
    ]


def test_E59_consecutive_roles_become_one_turn() -> None:
    assert messages(user("a"), user("b"), assistant("c"), assistant("d"), user("e")) == [
        {"role": "user", "content": [text("a"), text("b")]},
        {"role": "assistant", "content": [text("c"), text("d")]},
        {"role": "user", "content": [text("e")]},
    ]


def test_E30_E31_E32_results_come_first_together_and_in_call_order() -> None:
    found = messages(
        user("go"),
        assistant(call("a"), call("b")),
        user("meanwhile"),
        user(result("b", "second")),
        user(result("a", "first")),
    )
    assert found[2:] == [
        {
            "role": "user",
            "content": [tool_result("a", "first"), tool_result("b", "second"), text("meanwhile")],
        }
    ]


def test_E30_an_instruction_between_call_and_result_moves_behind_the_results() -> None:
    found = messages(
        user("go"), assistant(call("a")), Message("system", (Text("mind this"),)), user(result("a"))
    )
    assert found[2] == {
        "role": "user",
        "content": [tool_result("a"), text("<system>\nmind this\n</system>")],
    }


def test_E34_orphan_results_become_text() -> None:
    found = messages(user(result("gone", "what it said")), assistant("b"), user("c"))
    assert found[0] == {"role": "user", "content": [text("result of an earlier call: what it said")]}


def test_E34_a_stray_image_stays_an_image() -> None:
    picture = ToolResult(call_id="gone", content=(Image(media_type="image/png", data="iVBORw0KGgo"),))
    [turn] = messages(user(picture))
    assert [block["type"] for block in turn["content"]] == ["text", "image"]


def test_E35_missing_results_are_said_to_be_missing() -> None:
    found = messages(user("go"), assistant(call("a"), call("b")), user(result("b"), "next"))
    assert found[2]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": "no result was recorded",
            "is_error": True,
        },
        tool_result("b"),
        text("next"),
    ]


def test_E35_a_late_result_becomes_text() -> None:
    found = messages(
        user("go"), assistant(call("a")), assistant("hm"), user("x"), assistant("y"), user(result("a"))
    )
    assert found[-1] == {"role": "user", "content": [text("result of an earlier call: ok")]}


def test_E43_calls_at_the_end_are_answered_not_continued() -> None:
    found = messages(user("go"), assistant("sure", call("a")), facts=Facts(prefill=False))
    assert [message["role"] for message in found] == ["user", "assistant", "user"]
    assert found[2]["content"][0]["content"] == "no result was recorded"


@pytest.mark.parametrize("given_id", ["call.1:x|fc_2", "é", "x" * 65, "functions.Bash:0"])
def test_E20_ids_get_allowed_characters_alike_for_call_and_result(given_id: str) -> None:
    found = messages(user("go"), assistant(call(given_id)), user(result(given_id)))
    sent_id = found[1]["content"][0]["id"]
    assert found[2]["content"][0]["tool_use_id"] == sent_id
    assert sent_id != given_id
    assert len(sent_id) <= 64
    assert all(char.isascii() and (char.isalnum() or char in "_-") for char in sent_id)


def test_E20_portable_ids_stay_and_different_ids_never_meet() -> None:
    found = messages(user("go"), assistant(call("a_b"), call("a.b"), call("a:b")), user("x"))
    ids = [block["id"] for block in found[1]["content"]]
    assert ids[0] == "a_b"
    assert len(set(ids)) == 3


def test_E21_a_repeated_id_is_another_call() -> None:
    found = messages(
        user("go"),
        assistant(call("c", name="one")),
        user(result("c", "1")),
        assistant(call("c", name="two")),
        user(result("c", "2")),
    )
    first, second = found[1]["content"][0]["id"], found[3]["content"][0]["id"]
    assert (first, found[2]["content"][0]["tool_use_id"]) == ("c", "c")
    assert first != second == found[4]["content"][0]["tool_use_id"]
    both = messages(user("go"), assistant(call("c"), call("c")), user(result("c", "1"), result("c", "2")))
    assert [block["content"][0]["text"] for block in both[2]["content"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": ', {"_raw": '{"a": '}),
        ("[1]", {"_raw": "[1]"}),
        ('{"a":1}{"b":2}', {"_raw": '{"a":1}{"b":2}'}),
    ],
)
def test_E24_arguments_never_fail_a_turn(arguments: str, expected: object) -> None:
    found = messages(user("go"), assistant(call("a", arguments)), user(result("a")))
    assert found[1]["content"][0]["input"] == expected


def test_E121_arguments_keep_their_bytes() -> None:
    spelled = '{"b": 1.0, "a": 12345678901234567890, "c": "\\u00e9"}'
    body = encode(ask(user("go"), assistant(call("a", spelled)), user(result("a")))).body
    assert spelled.encode() in body


def test_E41_a_custom_call_becomes_its_one_field() -> None:
    custom = ToolCall(id="a", name="apply_patch", arguments="*** Begin\n", kind="custom")
    found = messages(user("go"), assistant(custom), user(result("a")))
    assert found[1]["content"][0]["input"] == {"input": "*** Begin\n"}


def test_E55_empty_text_goes_and_its_mark_moves_to_the_neighbour() -> None:
    mark = CacheMark()
    found = messages(
        user(Text("", (), mark), "a"),
        assistant("", call("c")),
        user(result("c"), Text(" \n", (), mark)),
    )
    marked = {"cache_control": {"type": "ephemeral"}}
    assert found == [
        {"role": "user", "content": [text("a") | marked]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "run", "input": {}}]},
        {"role": "user", "content": [tool_result("c") | marked]},
    ]


def test_E55_a_turn_of_nothing_is_no_turn() -> None:
    assert messages(user("a"), assistant("", Thinking(text="unsigned")), user("b")) == [
        {"role": "user", "content": [text("a"), text("b")]}
    ]


def test_an_empty_error_result_says_something() -> None:
    found = messages(user("go"), assistant(call("a")), user(result("a", "", is_error=True)))
    [block] = found[2]["content"]
    assert block["is_error"] is True
    assert block["content"][0]["text"]


def test_E36_images_stand_in_results() -> None:
    picture = Image(media_type="image/jpg", data="/9j/4AAQ")
    found = messages(
        user("go"), assistant(call("a")), user(ToolResult(call_id="a", content=(Text("see"), picture)))
    )
    assert found[2]["content"][0]["content"] == [
        text("see"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"}},
    ]


@pytest.mark.parametrize(
    ("data", "declared", "expected"),
    [
        ("iVBORw0KGgoAAA", "image/jpeg", "image/png"),
        ("AAAA", "image/jpg", "image/jpeg"),
        ("AAAA", "image/webp;q=1", "image/webp"),
        ("R0lGODlh", None, "image/gif"),
    ],
)
def test_E61_the_media_type_is_what_the_bytes_are(data: str, declared: str | None, expected: str) -> None:
    [turn] = messages(user(Image(data=data, media_type=declared)))
    assert turn["content"][0]["source"]["media_type"] == expected


def test_E60_image_urls_pass_or_are_refused_clearly() -> None:
    [turn] = messages(user(Image(url="https://x/y.png")))
    assert turn["content"] == [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}]
    with pytest.raises(GatewayError, match="fetches no images"):
        messages(user(Image(url="https://x/y.png")), facts=Facts(image_urls=False))
    with pytest.raises(GatewayError, match="takes no images"):
        messages(user(Image(url="https://x/y.png")), facts=Facts(images=False))


def test_E62_documents() -> None:
    [turn] = messages(
        user(
            Document(media_type="application/pdf", data="JVBERi0=", title="T"),
            Document(media_type="text/csv", data="YSxi"),
            Document(text="words", context="C"),
        )
    )
    pdf, csv, words = turn["content"]
    assert pdf == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        "title": "T",
    }
    assert csv["source"] == {"type": "text", "media_type": "text/plain", "data": "a,b"}
    assert (words["source"]["data"], words["context"]) == ("words", "C")
    [turn] = messages(user(Document(text="words", title="T")), facts=Facts(documents=False))
    assert turn["content"] == [text("T\n\nwords")]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Audio(data="AA", format="wav"), "takes no audio"),
        (Image(file_id="file-1"), "one provider's store"),
        (Document(file_id="file-1"), "one provider's store"),
        (Document(media_type="application/msword", data="AAAA"), "application/msword"),
        (Document(media_type="text/plain", data="/w=="), "not base64 of UTF-8"),
        (Document(media_type="text/plain", data="nöt"), "not base64 of UTF-8"),
    ],
)
def test_what_cannot_be_carried_is_a_400(part: Any, why: str) -> None:
    with pytest.raises(GatewayError, match=why) as caught:
        messages(user(part))
    assert caught.value.status == 400


def test_E7_E8_E9_only_its_maker_gets_thinking_back() -> None:
    mine, other = HERE.origin, Facts(provider="x", model="y").origin
    request = ask(
        user("go"),
        assistant(
            Thinking(text="mine", signature="s1", origin=mine),
            Thinking(text="other", signature="s2", origin=other),
            Thinking(text="nobody's", signature="s3"),
            Thinking(text="unsigned", origin=mine),
            Thinking(redacted="r1", origin=mine),
            Thinking(redacted="r2", origin=other),
            "said",
        ),
        user("more"),
    )
    assert sent(request, HERE)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "mine", "signature": "s1"},
        {"type": "redacted_thinking", "data": "r1"},
        text("said"),
    ]
    assert lost(request, HERE) == ["messages.thinking", "messages.thinking"]


def test_E10_the_order_of_an_assistant_turn_stays() -> None:
    mine = HERE.origin
    turn = assistant(
        Thinking(text="1", signature="s", origin=mine),
        "2",
        call("3"),
        Thinking(text="4", signature="s", origin=mine),
        call("5"),
    )
    found = messages(user("go"), turn, user(result("3"), result("5")), facts=HERE)
    kinds = [block["type"] for block in found[1]["content"]]
    assert kinds == ["thinking", "text", "tool_use", "thinking", "tool_use"]


def test_E57_late_instructions_are_native_or_tagged_but_never_hoisted() -> None:
    conversation = [
        Message("developer", (Text("first"),)),
        user("a"),
        Message("developer", (Text("late"),)),
        assistant("b"),
        user("c"),
    ]
    native = sent(ask(*conversation))
    assert native["system"] == [text("first")]
    assert native["messages"][1] == {"role": "system", "content": [text("late")]}
    tagged = sent(ask(*conversation), Facts(late_system=False))
    assert tagged["system"] == [text("first")]
    assert tagged["messages"][0] == {
        "role": "user",
        "content": [text("a"), text("<system>\nlate\n</system>")],
    }


def test_E57_a_place_the_server_refuses_is_tagged_too() -> None:
    found = messages(user("a"), Message("system", (Text("s"),)), user("b"))
    assert found == [{"role": "user", "content": [text("a"), text("<system>\ns\n</system>"), text("b")]}]


def test_E43_prefill() -> None:
    assert messages(user("a"), assistant("so far  \n"))[-1] == {
        "role": "assistant",
        "content": [text("so far")],
    }
    found = messages(user("a"), assistant("so far"), facts=Facts(prefill=False))
    assert found[-1] == {"role": "user", "content": [text("Continue.")]}


def test_a_history_that_begins_with_the_assistant_gets_a_user_turn() -> None:
    found = messages(assistant("hello"), user("hi"))
    assert [message["role"] for message in found] == ["user", "assistant", "user"]


def test_a_request_of_instructions_only_still_asks() -> None:
    found = sent(ask(Message("system", (Text("do it"),))))
    assert found["system"] == [text("do it")]
    assert found["messages"] == [{"role": "user", "content": [text("Continue.")]}]


def test_E49_E50_blocks_of_this_protocol_go_back_raw_or_as_text() -> None:
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    answer = {
        "type": "web_search_tool_result",
        "tool_use_id": "s",
        "content": [{"type": "web_search_result", "title": "P", "url": "https://p"}],
    }
    reference = {"type": "tool_reference", "tool_name": "Fetch"}
    data = msgspec.json.encode(
        {
            "model": "m",
            "max_tokens": 9,
            "messages": [
                {"role": "user", "content": "a"},
                {
                    "role": "assistant",
                    "content": [
                        use,
                        answer,
                        {"type": "tool_use", "id": "t", "name": "ToolSearch", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t", "content": [reference]}],
                },
            ],
        }
    )
    request = ROOM.decode_request(data)
    native = sent(request)["messages"]
    assert native[1]["content"][:2] == [use, answer]
    assert native[2]["content"][0]["content"] == [reference]
    plain = sent(request, Facts(server_tools=False, deferred_tools=False))["messages"]
    assert [block["type"] for block in plain[1]["content"]] == ["text", "text", "tool_use"]
    assert "Fetch" in plain[2]["content"][0]["content"][0]["text"]


def test_blocks_of_other_protocols_become_text_or_a_loss() -> None:
    told = Opaque("openai_responses", "web_search_call", raw({}), text="searched")
    silent = Opaque("openai_responses", "computer_call", raw({}))
    request = ask(user("a"), assistant(told, silent), user("b"))
    assert sent(request)["messages"][1]["content"] == [text("searched")]
    assert lost(request) == ["messages.computer_call"]


@pytest.mark.parametrize("name", ["toolsearch", "readimage", "read-pdf", "compact"])
def test_recorded_conversations_survive_an_edit_unchanged(name: str) -> None:
    """decode, encode, decode: what a client of this protocol said is what the target reads."""
    request = ROOM.decode_request(recorded(f"claude-code-{name}"))
    again = ROOM.decode_request(encode(request, Facts(reasoning="adaptive")).body)
    kept = [message for message in request.messages if message.content]
    assert list(again.messages) == kept
    assert (again.system, again.tools, again.reasoning, again.user) == (
        request.system,
        request.tools,
        request.reasoning,
        request.user,
    )
    assert [extra.name for extra in again.extras] == [extra.name for extra in request.extras]


TURNS = st.lists(
    st.one_of(
        st.sampled_from(["x", " ", "é"]).map(user),
        st.sampled_from(["y", ""]).map(assistant),
        st.sampled_from(["c1", "c.2"]).map(lambda i: assistant("t", call(i))),
        st.sampled_from(["c1", "c.2"]).map(lambda i: user(result(i))),
        st.just(Message("system", (Text("s"),))),
    ),
    max_size=8,
)


@given(TURNS)
def test_any_history_keeps_the_servers_rules(turns: list[Message]) -> None:
    found = messages(*turns, facts=Facts(prefill=False))
    assert found[0]["role"] == "user"
    assert found[-1]["role"] != "assistant"
    for index, message in enumerate(found):
        blocks = message["content"]
        assert blocks
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
        uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if uses:
            answers = found[index + 1]["content"][: len(uses)]
            assert [answer["tool_use_id"] for answer in answers] == uses
        kinds = [block["type"] for block in blocks]
        assert "tool_result" not in kinds[kinds.count("tool_result") :]
        if message["role"] == "system":
            assert found[index - 1]["role"] == "user"
            assert index + 1 == len(found) or found[index + 1]["role"] == "assistant"


@given(TURNS)
def test_E104_a_longer_conversation_keeps_the_bytes_of_its_earlier_turns(turns: list[Message]) -> None:
    before = encode(ask(user("a"), *turns, user("b"))).body
    after = encode(ask(user("a"), *turns, user("b"), assistant("c"), user("d"))).body
    assert encode(ask(user("a"), *turns, user("b"))).body == before
    assert after.startswith(before.removesuffix(b"]}"))
