"""Which cache marks stay where only so many are taken (E103)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.cache_marks import marks_kept


@pytest.mark.parametrize(
    ("tools", "system", "messages", "kept"),
    [
        (0, 0, 0, ""),
        (1, 2, 1, "t1 s1 s2 m1"),
        (1, 1, 3, "t1 s1 m2 m3"),
        (3, 3, 2, "t3 s3 m1 m2"),
        (0, 1, 9, "s1 m7 m8 m9"),
        (0, 0, 6, "m3 m4 m5 m6"),
        (5, 0, 0, "t2 t3 t4 t5"),
        (2, 3, 1, "t2 s2 s3 m1"),
        (1, 0, 4, "t1 m2 m3 m4"),
    ],
)
def test_E103_what_all_turns_share_and_the_latest_of_the_messages(
    tools: int, system: int, messages: int, kept: str
) -> None:
    names = [f"t{n + 1}" for n in range(tools)]
    names += [f"s{n + 1}" for n in range(system)]
    names += [f"m{n + 1}" for n in range(messages)]
    found = marks_kept(tools, system, messages, 4)
    assert " ".join(name for place, name in enumerate(names) if place in found) == kept


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 5))
def test_law_as_many_as_are_taken_and_the_last_one_always(
    tools: int, system: int, messages: int, limit: int
) -> None:
    found = marks_kept(tools, system, messages, limit)
    assert len(found) == min(limit, tools + system + messages)
    assert all(0 <= place < tools + system + messages for place in found)
    if messages and limit > 2:
        assert tools + system + messages - 1 in found
