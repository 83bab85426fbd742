"""Tickets and cookies: what is taken, what is not, and that nothing of the key is in them."""

import pytest

from trunkline.config.schema import Server
from trunkline.config.secret import Secret
from trunkline.dashboard.session import COOKIE_LIFE, MOST_SPENT, TICKET_LIFE, Sessions, sessions_for

KEY = b"a-key-CANARY-5d1f"


class Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000.5

    def __call__(self) -> float:
        return self.time


def cookies(sessions: Sessions, value: str) -> str:
    return f"theme=dark; {sessions.name}={value}; other=1"


def test_T73_a_ticket_is_good_once_and_for_five_minutes() -> None:
    clock = Clock()
    made, asked = Sessions(KEY, clock), Sessions(KEY, clock)
    ticket = made.ticket()
    nonce = asked.redeem(ticket)
    assert nonce is not None
    assert asked.spend(nonce)
    assert asked.redeem(ticket) is None
    assert not asked.spend(nonce)
    late = made.ticket()
    clock.time += TICKET_LIFE - 1
    assert asked.redeem(late) is not None
    clock.time += 2
    assert asked.redeem(late) is None


def test_a_cookie_is_good_for_hours_and_for_no_other_gateway() -> None:
    clock = Clock()
    sessions, other = Sessions(KEY, clock), Sessions(KEY + b"x", clock)
    cookie = sessions.cookie()
    assert sessions.session(cookies(sessions, cookie)) is not None
    assert Sessions(KEY, clock).session(cookies(sessions, cookie)) is not None
    assert other.name != sessions.name
    assert other.session(cookies(other, cookie)) is None
    assert KEY.decode() not in cookie + sessions.name
    clock.time += COOKIE_LIFE
    assert sessions.session(cookies(sessions, cookie)) is None


def test_a_session_that_was_ended_is_not_taken_again() -> None:
    sessions = Sessions(KEY, Clock())
    cookie = sessions.cookie()
    nonce = sessions.session(cookies(sessions, cookie))
    assert nonce is not None
    sessions.spend(nonce)
    assert sessions.session(cookies(sessions, cookie)) is None


def test_a_ticket_is_no_cookie_and_a_cookie_no_ticket() -> None:
    sessions = Sessions(KEY, Clock())
    assert sessions.session(cookies(sessions, sessions.ticket())) is None
    assert sessions.redeem(sessions.cookie()) is None


@pytest.mark.parametrize("value", ["", ".", "..", "x", "ff.00.00", "ffffffffff.aa.", "é.é.é", "a.b.c.d", "-1.a.b"])  # fmt: skip
def test_what_was_made_up_is_not_taken(value: str) -> None:
    sessions = Sessions(KEY, Clock())
    assert sessions.redeem(value) is None
    assert sessions.session(cookies(sessions, value)) is None


def test_every_part_of_a_value_is_signed() -> None:
    sessions = Sessions(KEY, Clock())
    ticket = sessions.ticket()
    for place, letter in enumerate(ticket):
        other = "0" if letter != "0" else "1"
        assert sessions.redeem(ticket[:place] + other + ticket[place + 1 :]) is None


def test_what_is_remembered_of_used_ones_is_bounded() -> None:
    clock = Clock()
    sessions = Sessions(KEY, clock)
    for number in range(MOST_SPENT + 10):
        assert sessions.spend(str(number))
    assert not sessions.spend(str(MOST_SPENT + 9))
    assert sessions.spend("0"), "the oldest are forgotten first"


def test_the_admin_key_comes_before_the_keys_of_clients() -> None:
    clock = Clock()
    assert sessions_for(Server(), clock) is None
    clients = (Secret("one"), Secret("two"))
    by_admin = sessions_for(Server(keys=clients, admin_key=Secret("admin")), clock)
    by_clients = sessions_for(Server(keys=clients), clock)
    assert by_admin is not None
    assert by_clients is not None
    assert by_admin.name == Sessions(b"admin", clock).name
    assert by_clients.redeem(by_admin.ticket()) is None
    assert by_clients.redeem(Sessions(b"one\0two", clock).ticket()) is not None
