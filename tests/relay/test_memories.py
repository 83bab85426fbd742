"""What is kept between exchanges is bounded, is forgotten in time, and goes to the right place."""

from msgspec.structs import replace

from trunkline.core.facts import Facts
from trunkline.core.types import Message, Part, Request, Text, Thinking, ToolCall
from trunkline.relay.learned import NOTHING, Learned, Lessons
from trunkline.relay.proofs import Kept, ProofStore
from trunkline.relay.reinsert import claim, reinsert, remember
from trunkline.routing.plan import Target


class Now:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def think(text: str, signature: str | None = "s", origin: str | None = "me") -> Thinking:
    return Thinking(text=text, signature=signature, origin=origin)


def call(call_id: str, proof: str | None = None, origin: str | None = None) -> ToolCall:
    return ToolCall(id=call_id, name="run", arguments="{}", proof=proof, proof_origin=origin)


def request(*content: Part) -> Request:
    user = Message("user", (Text("go"),))
    return Request(protocol="x", model="m", messages=(user, Message("assistant", content), user))


def restored(answer: tuple[Part, ...], echoed: tuple[Part, ...], origin: str = "me") -> tuple[Part, ...]:
    kept = dict(remember(answer, "me"))
    return reinsert(request(*echoed), kept.get, origin).messages[1].content


def test_E12_thinking_is_restored_in_its_order() -> None:
    answer = (think("1"), Text("a"), call("x"), think("2"), call("y"), call("z"))
    assert restored(answer, (Text("a"), call("x"), call("y"), call("z"))) == answer
    late = (Text("a"), think("1"), call("x"))
    assert restored(late, (Text("a"), call("x"))) == late
    assert restored(answer, answer) == answer


def test_E12_text_without_its_proof_gives_way_to_what_was_kept() -> None:
    answer = (think("1"), Text("a"), call("x"), think("2"), call("y"))
    echoed = Thinking(text="12")
    assert restored(answer, (echoed, Text("a"), call("x"), call("y"))) == answer
    assert restored(answer, (echoed, Text("a"), call("z"))) == (echoed, Text("a"), call("z"))
    unproven = (Thinking(text="1", origin="me"), call("x"))
    assert restored(unproven, (Thinking(text="1"), call("x"))) == unproven
    assert restored(answer, (echoed, call("x")), origin="you") == (echoed, call("x"))


def test_E8_never_to_another_maker() -> None:
    answer = (think("1"), call("x", "proof"))
    assert restored(answer, (call("x"),), origin="you") == (call("x"),)
    assert restored(answer, (call("x"),)) == (think("1"), call("x", "proof", "me"))
    assert restored(answer, (call("x", "proof"),)) == (think("1"), call("x", "proof", "me"))


def test_E13_a_call_says_who_proved_it_where_that_is_known() -> None:
    asked = request(call("x", "proof"), call("y", "other"), call("z", "third", "you"))
    claimed = claim(asked, {"proof": "me", "third": "me"}.get).messages[1].content
    assert claimed == (call("x", "proof", "me"), call("y", "other"), call("z", "third", "you"))


def test_what_was_not_lost_stays_as_it_is() -> None:
    plain = request(Text("a"), call("x"))
    assert reinsert(plain, lambda call_id: None, "me") is plain
    own = request(think("mine"), call("x"))
    kept = dict(remember((think("1"), call("x")), "me"))
    assert reinsert(own, kept.get, "me") is own


def test_answers_without_proofs_leave_nothing() -> None:
    assert list(remember((Text("a"), call("x")), "me")) == []
    assert list(remember((think("1"), Text("a")), "me")) == []


def test_a_remembered_maker_is_filled_in() -> None:
    found = claim(
        request(think("1", "a", None), think("2", "b", None), think("3", "c", "you")), {"a": "me"}.get
    )
    assert [part.origin for part in found.messages[1].content if isinstance(part, Thinking)] == [
        "me",
        None,
        "you",
    ]
    same = request(Text("a"))
    assert claim(same, {}.get) is same


def test_the_proof_store_is_bounded_by_number_size_and_time() -> None:
    now = Now()
    store = ProofStore(now, max_entries=3, max_bytes=10_000, lifetime=10)
    for number in range(5):
        store.keep("t", str(number), Kept((think("x"),), "me"))
    assert len(store) == 3
    assert store.before("t", "0") is None
    assert store.before("t", "4") is not None
    assert store.before("other", "4") is None
    now.time = 9
    assert store.before("t", "4") is not None
    now.time = 18
    assert store.before("t", "4") is not None
    assert store.before("t", "3") is None
    now.time = 40
    assert store.before("t", "4") is None
    for number in range(50):
        store.keep("t", str(number), Kept((think("x" * 1000),), "me"))
        assert store.size <= 10_000
    store.keep("t", "huge", Kept((think("x" * 9000),), "me"))
    assert store.before("t", "huge") is None
    assert store.size <= 10_000


def test_signatures_are_known_by_tenant() -> None:
    store = ProofStore(Now())
    store.sign("t", "sig", "me")
    assert store.origin("t", "sig") == "me"
    assert store.origin("u", "sig") is None
    assert store.origin("t", "other") is None
    assert store.before("t", "sig") is None


def test_lessons_are_forgotten_and_bounded() -> None:
    now = Now()
    learned = Learned(now, lifetime=10, max_targets=2)
    lessons = Lessons({"tiny": "chat"}, {"chat": Facts(prefill=False)})
    for number in range(3):
        learned.keep(Target("p", str(number)), replace(lessons, surfaces={"tiny": str(number)}))
    assert learned.about(Target("p", "0")) is NOTHING
    assert learned.about(Target("p", "2")).surfaces == {"tiny": "2"}
    now.time = 10
    assert learned.about(Target("p", "2")) is NOTHING
