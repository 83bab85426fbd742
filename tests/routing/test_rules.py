"""Rules on headers: which requests they take, before the model's name and after a subagent's tag (ccr.md 8.3)."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from app.plugged import asking, chat_answer, post
from app.whole import through
from trunkline.app.router import Router
from trunkline.config.document import decode_document
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, HeaderTest
from trunkline.config.section import Reading
from trunkline.config.yaml_file import decode_yaml
from trunkline.core.http import Headers
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound
from trunkline.routing.plan import Plan, Target
from trunkline.routing.rules import Rule, first_rule
from trunkline.routing.table import build_table

HOLDS: list[tuple[HeaderTest, str, Headers, bool]] = [
    ("is", "blue", (("x-team", "blue"),), True),
    ("is", "blue", (("x-team", "blue "),), False),
    ("is", "blue", (("x-team", "red"), ("x-team", "blue")), True),
    ("is", "blue", (("x-other", "blue"),), False),
    ("is_not", "blue", (("x-team", "red"),), True),
    ("is_not", "blue", (("x-team", "blue"),), False),
    ("is_not", "blue", (), True),
    ("begins", "bl", (("x-team", "blue"),), True),
    ("begins", "lu", (("x-team", "blue"),), False),
    ("contains", "lu", (("x-team", "blue"),), True),
    ("contains", "lu", (), False),
    ("lacks", "lu", (("x-team", "blue"),), False),
    ("lacks", "lu", (("x-team", "red"),), True),
    ("lacks", "lu", (), True),
]


@pytest.mark.parametrize(("test", "value", "headers", "holds"), HOLDS)
def test_when_a_rule_holds(test: HeaderTest, value: str, headers: Headers, holds: bool) -> None:
    rule = Rule(name="r", header="x-team", test=test, value=value, targets=(Target("a", "m"),))
    assert (first_rule((rule,), headers) is rule) is holds


CONFIG = """
rules:
  - {header: X-Team, is: blue, to: [a/one, b/two]}
  - {header: user-agent, contains: robot, to: b/robots}
any_name: true
routes: {default: a/usual}
providers:
  a: {kind: custom, speaks: {openai_chat: "URL/v1"}, key: k, models: [usual, one]}
  b: {kind: custom, speaks: {openai_chat: "URL/v1"}, key: k, models: [two]}
"""


def own(text: str) -> Configuration:
    return decode_document(Reading("t.yaml", {}), decode_yaml(text, "t.yaml"))


def plan(headers: Headers, model: str, system: str = "You work.") -> Plan:
    table = build_table(own(CONFIG.replace("URL", "http://127.0.0.1:1")), ())
    body = {"model": model, "system": system, "messages": [{"role": "user", "content": "go"}]}
    inbound = Inbound(
        codec=CODECS["anthropic_messages"],
        operation="generate",
        body=msgspec.json.encode(body),
        headers=headers,
        request_id="r",
        client="-",
    )
    return asyncio.run(Router(table).plan(inbound, Peek(model)))


BLUE: Headers = (("x-team", "blue"),)
TAG = "<CCR-SUBAGENT-MODEL>b,two</CCR-SUBAGENT-MODEL>You look."
PLANS: list[tuple[Headers, str, str, str, list[str]]] = [
    (BLUE, "claude-sonnet-4-5", "You work.", "rule on x-team", ["a/one", "b/two"]),
    (BLUE, "a,usual", "You work.", "rule on x-team", ["a/one", "b/two"]),
    (BLUE, "gone,model", "You work.", "rule on x-team", ["a/one", "b/two"]),
    (BLUE, "claude-sonnet-4-5", TAG, "subagent tag", ["b/two"]),
    ((("user-agent", "a robot"),), "claude-sonnet-4-5", "You work.", "rule on user-agent", ["b/robots"]),
    ((*BLUE, ("user-agent", "a robot")), "x", "You work.", "rule on x-team", ["a/one", "b/two"]),
    ((("x-team", "red"),), "claude-sonnet-4-5", "You work.", "route default", ["a/usual"]),
    ((), "b,two", "You work.", "explicit", ["b/two"]),
]


@pytest.mark.parametrize(("headers", "model", "system", "route", "targets"), PLANS)
def test_who_is_asked(headers: Headers, model: str, system: str, route: str, targets: list[str]) -> None:
    found = plan(headers, model, system)
    assert [str(target) for target in found.targets] == targets
    assert found.route.startswith(route)


WRONG = [
    ("{is: blue, to: a/m}", "rules[0].header", "is missing"),
    ("{header: x, to: a/m}", "rules[0].header", "wants one of is, is_not, begins, contains, lacks"),
    ("{header: x, is: a, begins: b, to: a/m}", "rules[0].header", "wants one of"),
    ("{header: x, is: a}", "rules[0].to", "is missing"),
    ("{header: x, is: a, to: gone/m}", "rules[0].to", 'there is no provider "gone"'),
    ("{header: Authorization, begins: B, to: a/m}", "rules[0].header", "holds a credential"),
    ("{header: x, iss: a, to: a/m}", "rules[0].iss", 'unknown key. Did you mean "is"?'),
]


@pytest.mark.parametrize(("rule", "key", "message"), WRONG)
def test_what_is_no_rule(rule: str, key: str, message: str) -> None:
    provider = 'providers: {a: {kind: custom, speaks: {openai_chat: "http://127.0.0.1:1/v1"}, models: [m]}}'
    with pytest.raises(ConfigurationError) as caught:
        own(f"rules: [{rule}]\n{provider}\n")
    assert any(problem.key == key and message in problem.message for problem in caught.value.problems)


@pytest.mark.server
def test_the_provider_that_a_header_chooses_is_asked(tmp_path: Path) -> None:
    answers, upstream, records = through(
        lambda asked: chat_answer(),
        lambda url: CONFIG.replace("URL", url),
        tmp_path,
        lambda url: [
            post(url, "/v1/messages", asking(), headers)
            for headers in ({"X-Team": "blue"}, {"X-Team": "green"})
        ],
    )
    assert [asked.body["model"] for asked in upstream.asked] == ["one", "usual"]
    assert [answer.headers["x-trunkline-route"] for answer in answers] == [
        "rule on x-team",
        "route default",
    ]
    assert [record.model for record in records] == ["one", "usual"]
