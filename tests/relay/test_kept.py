"""The memory of answers: bounded, by tenant, and a chain costs its length."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from trunkline.relay.kept import OVERHEAD, Answer, AnswerStore, Kept


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time


def answer(ident: str, asked: bytes = b"", said: bytes = b"", body: bytes = b"") -> Answer:
    return Answer(
        id=ident, input=(asked,) if asked else (), output=(said,) if said else (), body=body or b"{}"
    )


def store(**limits: float) -> tuple[AnswerStore, Clock]:
    clock = Clock()
    return AnswerStore(clock.now, **limits), clock  # type: ignore[arg-type]


def find(kept: AnswerStore, ident: str, tenant: str = "t") -> Kept:
    found = kept.find(tenant, ident)
    assert found is not None
    return found


def test_a_chain_gives_the_whole_conversation_in_order() -> None:
    kept, _ = store()
    kept.keep("t", answer("a", b"1", b"2"))
    kept.keep("t", answer("b", b"3", b"4"), find(kept, "a"))
    kept.keep("t", answer("c", b"5", b"6"), find(kept, "b"))
    kept.keep("t", answer("fork", b"7", b"8"), find(kept, "a"))
    assert find(kept, "c").history() == [b"1", b"2", b"3", b"4", b"5", b"6"]
    assert find(kept, "c").asked() == [b"1", b"2", b"3", b"4", b"5"]
    assert find(kept, "fork").history() == [b"1", b"2", b"7", b"8"]


def test_nobody_finds_or_forgets_the_answer_of_another() -> None:
    kept, _ = store()
    kept.keep("mine", answer("a"))
    assert kept.find("yours", "a") is None
    assert not kept.forget("yours", "a")
    assert kept.find("mine", "a") is not None


def test_it_ages_from_its_last_use() -> None:
    kept, clock = store(lifetime=10)
    kept.keep("t", answer("a"))
    clock.time = 9
    assert kept.find("t", "a") is not None
    clock.time = 18
    assert kept.find("t", "a") is not None
    clock.time = 28
    assert kept.find("t", "a") is None
    assert (len(kept), kept.size) == (0, 0)


def test_what_is_old_goes_when_something_comes_even_if_nobody_asks_for_it() -> None:
    kept, clock = store(lifetime=10)
    kept.keep("t", answer("a"))
    clock.time = 11
    kept.keep("t", answer("b"))
    assert len(kept) == 1


def test_the_least_recently_used_goes_first() -> None:
    kept, _ = store(max_entries=2)
    kept.keep("t", answer("a"))
    kept.keep("t", answer("b"))
    find(kept, "a")
    kept.keep("t", answer("c"))
    assert kept.find("t", "b") is None
    assert kept.find("t", "a") is not None


def test_a_forgotten_link_still_counts_until_nothing_continues_it() -> None:
    kept, _ = store(max_entries=1)
    kept.keep("t", answer("a", b"x" * 1000))
    kept.keep("t", answer("b", b"y" * 10), find(kept, "a"))
    assert kept.find("t", "a") is None
    assert find(kept, "b").history() == [b"x" * 1000, b"y" * 10]
    assert kept.size > 1000 + 2 * OVERHEAD
    kept.forget("t", "b")
    assert kept.size == 0


def test_an_answer_under_work_is_not_taken_away() -> None:
    kept, _ = store(max_entries=1)
    kept.keep("t", answer("a", b"1"))
    held = find(kept, "a")
    held.hold()
    kept.keep("t", answer("other"))
    assert kept.find("t", "a") is None
    kept.keep("t", answer("b", b"2"), held)
    held.release()
    assert find(kept, "b").history() == [b"1", b"2"]


def test_a_chain_that_alone_is_too_large_is_given_up() -> None:
    kept, _ = store(max_bytes=10_000)
    kept.keep("t", answer("0", b"x" * 4000))
    for number in range(1, 5):
        parent = kept.find("t", str(number - 1))
        kept.keep("t", answer(str(number), b"x" * 4000), parent)
    assert kept.size <= 10_000


def test_a_memory_that_ends_lets_go_of_links_in_another() -> None:
    kept, clock = store()
    kept.keep("t", answer("a", b"1"))
    local = AnswerStore(clock.now)
    local.keep("t", answer("b", b"2"), find(kept, "a"))
    kept.forget("t", "a")
    assert kept.size > 0
    local.clear()
    assert (kept.size, local.size) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 9), st.integers(0, 3000), st.booleans())))
def test_it_never_holds_more_than_it_may_and_ends_with_nothing(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    kept, _ = store(max_entries=4, max_bytes=8000)
    for number, (ident, parent, size, drop) in zip(itertools.count(), steps, strict=False):
        if drop:
            kept.forget("t", str(ident))
            continue
        earlier = kept.find("t", str(parent))
        kept.keep("t", answer(f"{ident}", str(number).encode() * size), earlier)
        assert len(kept) <= 4
        assert kept.size <= 8000
        assert kept.size >= sum(
            len(item) for name in map(str, range(10)) for item in _own(kept.find("t", name))
        )
    kept.clear()
    assert kept.size == 0


def _own(found: Kept | None) -> tuple[bytes, ...]:
    return () if found is None else found.answer.input
