"""The vendors' own libraries as clients of a gateway."""

from collections.abc import Mapping

import anthropic


def message_of(url: str, asked: Mapping[str, object], *, stream: bool) -> anthropic.types.Message:
    """The answer to a request in Messages, whole or put together by the library from its stream."""
    with anthropic.Anthropic(api_key="x", base_url=url, max_retries=0, timeout=60) as client:
        if not stream:
            return client.messages.create(**asked)  # type: ignore[call-overload, no-any-return]
        with client.messages.stream(**asked) as events:  # type: ignore[arg-type]
            return events.get_final_message()
