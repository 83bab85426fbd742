"""The session that a body names: only its own field counts, wherever it stands and whatever texts say."""

import pytest

from trunkline.routing.session import session_of

OWN = b'"metadata": {"user_id": "user_1_account__session_own"}'
OTHER = b'"metadata": {"user_id": "user_1_account__session_other"}'
FAR = b'"messages": ["%s"]' % (b"x" * 3000)
QUOTED = b'"messages": ["\\"metadata\\": {\\"user_id\\": \\"user_1_account__session_other\\"}"]'

BODIES: list[tuple[bytes, str | None]] = [
    (b"{%b}" % OWN, "own"),
    (b"{%b, %b}" % (FAR, OWN), "own"),
    (b"{%b, %b}" % (OWN, FAR), "own"),
    (b'{%b, "stream": true}' % OWN, "own"),
    (b'{\n "metadata" :\t{"more": 1, "user_id": "{\\"session_id\\": \\"own\\"}"}\n}', "own"),
    (b"{%b, %b}" % (OWN, QUOTED), "own"),
    (b'{%b, "input": {"a": 1, %b}}' % (OWN, OTHER), "own"),
    (b'{"input": {"a": 1, %b}}' % OTHER, None),
    (b'{%b, "a": "metadata", "b": "user_id"}' % OWN, "own"),
    (b"{%b, %b}" % (OTHER, OWN), "own"),  # the last one of a name counts
    (b"{%b}" % QUOTED, None),
    (b'{"metadata": {"user_id": 5}}', None),
    (b'{"metadata": {"user_id": "user_1_account__session_../own"}}', None),
    (b'{"metadata": {"user_id": "user_1"}}', None),
    (b"{%b, " % OWN, None),
    (b"", None),
]


@pytest.mark.parametrize(("body", "session"), BODIES)
def test_the_session_of_a_body(body: bytes, session: str | None) -> None:
    assert session_of((), body) == session
    assert session_of((("x-session-id", "named"),), body) == "named"
