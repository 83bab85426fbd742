"""Who searches: the provider where it can, the gateway elsewhere."""

import pytest

from trunkline.core.facts import Facts
from trunkline.protocols.registry import TARGETS
from trunkline.relay.searching import runs_itself

ABLE = {"anthropic_messages", "openai_responses", "gemini"}


@pytest.mark.parametrize("protocol", list(TARGETS))
def test_a_provider_searches_over_protocols_that_have_a_tool_for_it(protocol: str) -> None:
    assert runs_itself(protocol, Facts()) is (protocol in ABLE)
    assert not runs_itself(protocol, Facts(server_tools=False))


def test_only_search_models_search_over_chat() -> None:
    assert runs_itself("openai_chat", Facts(search_options=True, server_tools=False))
