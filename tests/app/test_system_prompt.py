"""Edits of the system prompt: the user's words before the environment, and no line that changes by session."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from trunkline.app.router import make_router
from trunkline.config.schema import Configuration, Prompt, ProviderSettings, RouteRule
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound
from trunkline.routing.table import build_table
from trunkline.transforms.system_prompt import rewritten, without_attribution

Body = dict[str, object]
BILLING = "x-anthropic-billing-header: cc_version=2.1.3; cch=abc12;"
MARKED = {"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}


def text(words: str) -> Body:
    return {"type": "text", "text": words}


def body(*system: object) -> Body:
    return {
        "model": "m",
        "system": list(system),
        "messages": [{"role": "user", "content": "<env> é \\ud83d"}],
    }


REWRITTEN: list[tuple[Body, Body]] = [
    (
        body(text("a"), text("You <env>1</env> and <env>2</env> x")),
        body(text("a"), text("MINE<env>2</env> x")),
    ),
    (body(text("a"), text("b"), text("c <env>d")), body(text("a"), text("b"), text("MINE<env>d"))),
    (body(text("<env>a")), body(text("<env>a"))),
    (body(text("a"), text("b")), body(text("a"), text("b"))),
    (body(MARKED, {**MARKED, "text": "x<env>"}), body(MARKED, {**MARKED, "text": "MINE<env>"})),
    ({"model": "m", "system": "a <env>"}, {"model": "m", "system": "a <env>"}),
    ({"model": "m", "x": "<env>"}, {"model": "m", "x": "<env>"}),
    (body(1, None, text("a<env>")), body(1, None, text("MINE<env>"))),
]


@pytest.mark.parametrize(("asked", "wanted"), REWRITTEN)
def test_words_stand_before_the_environment(asked: Body, wanted: Body) -> None:
    assert rewritten(msgspec.json.encode(asked), "MINE") == msgspec.json.encode(wanted)


STRIPPED: list[tuple[Body, Body]] = [
    (body(text(BILLING), MARKED), body(MARKED)),
    (body(MARKED, text(BILLING)), body(MARKED)),
    (body(text(f"{BILLING}\n\nYou are"), MARKED), body(text("You are"), MARKED)),
    (
        body(text("about x-anthropic-billing-header: this")),
        body(text("about x-anthropic-billing-header: this")),
    ),
    ({"system": [text(BILLING)], "model": "m"}, {"model": "m"}),
    ({"system": BILLING}, {"system": BILLING}),
]


@pytest.mark.parametrize(("asked", "wanted"), STRIPPED)
def test_the_line_that_says_who_called_is_left_out(asked: Body, wanted: Body) -> None:
    assert without_attribution(msgspec.json.encode(asked)) == msgspec.json.encode(wanted)


def planned(prompt: Prompt, asked: Body, protocol: str = "anthropic_messages") -> bytes | None:
    configuration = Configuration(
        source="test",
        providers=(("up", ProviderSettings(kind="custom")),),
        routes=(("default", RouteRule(to=("up/m",))),),
        prompt=prompt,
    )
    router = make_router(build_table(configuration, ()), configuration, {}, lambda: 0.0)
    inbound = Inbound(
        codec=CODECS[protocol],
        operation="generate",
        body=msgspec.json.encode(asked),
        headers=(),
        request_id="r",
        client="-",
    )
    return asyncio.run(router.plan(inbound, Peek("sonnet"))).body


def test_the_plan_asks_with_the_edited_prompt(tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("MINE ")
    asked = body(text(BILLING), text("You <env>x"))
    prompt = Prompt(file=str(file), attribution=False)
    assert planned(prompt, asked) == msgspec.json.encode(body(text("You <env>x"))), (
        "the first block is never rewritten"
    )
    asked = body(text(BILLING), text("a"), text("You <env>x"))
    assert planned(prompt, asked) == msgspec.json.encode(body(text("a"), text("MINE <env>x")))
    assert planned(prompt, body(text("a"))) is None, "the client's own bytes"
    assert planned(prompt, {"messages": [{"role": "system", "content": BILLING}]}, "openai_chat") is None


def test_the_file_is_read_again_and_one_that_is_gone_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "prompt.txt"
    asked = body(text("a"), text("b<env>"))
    configuration = Configuration(
        source="test", providers=(("up", ProviderSettings(kind="custom")),),
        routes=(("default", RouteRule(to=("up/m",))),), prompt=Prompt(file=str(file)),
    )  # fmt: skip
    router = make_router(build_table(configuration, ()), configuration, {}, lambda: 0.0)

    def ask() -> bytes | None:
        inbound = Inbound(
            codec=CODECS["anthropic_messages"], operation="generate", body=msgspec.json.encode(asked), headers=(), request_id="r", client="-"
        )  # fmt: skip
        return asyncio.run(router.plan(inbound, Peek("sonnet"))).body

    assert (ask(), ask()) == (None, None)
    assert len(caplog.records) == 1
    file.write_text("one")
    assert ask() == msgspec.json.encode(body(text("a"), text("one<env>")))
    file.write_text("another")
    assert ask() == msgspec.json.encode(body(text("a"), text("another<env>")))
