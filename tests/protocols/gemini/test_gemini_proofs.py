"""Signatures of other makers leave a passed-through history."""

import json

import pytest

from protocols.gemini.room import ORIGIN, ROOM, clients, given, said
from trunkline.core.proofs import unseal
from trunkline.protocols.gemini import signatures


def body(*parts: object) -> bytes:
    return json.dumps(
        {"contents": [given({"text": "go"}), said(*parts), given({"text": "x"})], "labels": {"a": "b"}}
    ).encode()


def kept(data: bytes, *owned: str) -> tuple[list[object], int]:
    out, losses = ROOM.drop_foreign_proofs(
        data, lambda proof: unseal(proof).origin == ORIGIN or proof in owned
    )
    contents = json.loads(out)["contents"]
    return contents[1]["parts"] if len(contents) == 3 else [], len(losses)


@pytest.mark.parametrize("entry", clients(), ids=lambda entry: entry["name"])
def test_E08_what_is_owned_passes_untouched(entry: dict) -> None:
    data = json.dumps(entry["body"]).encode()
    out, losses = ROOM.drop_foreign_proofs(data, lambda _: True)
    assert out is data
    assert losses == ()


def test_E13_a_call_keeps_the_skip_value() -> None:
    call = {"functionCall": {"name": "f", "args": {"n": 1.0}}, "thoughtSignature": "Zm9v"}
    assert kept(body(call)) == ([{**call, "thoughtSignature": signatures.SKIP}], 1)
    assert kept(body(call), "Zm9v") == ([call], 0)
    skipped = {**call, "thoughtSignature": signatures.SKIP}
    assert kept(body(skipped)) == ([skipped], 0)


def test_E08_foreign_thoughts_go_and_texts_stay() -> None:
    parts = (
        {"text": "hm", "thought": True, "thoughtSignature": "Zm9v"},
        {"text": "so", "thought": True},
        {"text": "", "thoughtSignature": "Zm9v"},
        {"text": "a", "thoughtSignature": "Zm9v"},
        {"text": "b", "thoughtSignature": "b3du"},
    )
    assert kept(body(*parts), "b3du") == (
        [{"text": "so", "thought": True}, {"text": "a"}, {"text": "b", "thoughtSignature": "b3du"}],
        1,
    )
    assert kept(body(parts[0])) == ([], 1)


def test_our_seals_are_undone_in_place() -> None:
    own = signatures.sealed("YW+/", ORIGIN)
    python = own.replace("+", "-").replace("/", "_")
    for seal in (own, python):
        for part in (
            {"text": "a", "thoughtSignature": seal},
            {"functionCall": {"name": "f"}, "thoughtSignature": seal},
        ):
            assert kept(body(part)) == ([{**part, "thoughtSignature": "YW+/"}], 0)
    nothing = signatures.sealed(None, ORIGIN)
    assert kept(body({"text": "a", "thought": True, "thoughtSignature": nothing})) == (
        [{"text": "a", "thought": True}],
        0,
    )
    snake = {"function_call": {"name": "f"}, "thought_signature": signatures.sealed("x", "f" * 16)}
    assert kept(body(snake)) == ([{**snake, "thought_signature": signatures.SKIP}], 1)


def test_every_other_byte_stays() -> None:
    data = b'{ "contents":[ {"role":"user","parts":[{"text":"x"}]} , {"role":"model", "parts":[{"text":"\\u0061", "thoughtSignature":"Zm9v"}]}],\n "labels":{ "a":1.0 }}'
    out, losses = ROOM.drop_foreign_proofs(data, lambda _: False)
    assert len(losses) == 1
    assert out.endswith(b'],\n "labels":{ "a":1.0 }}')
    assert b'{"text":"\\u0061"}' in out


def test_what_is_not_ours_to_refuse_passes() -> None:
    for data in (
        b'{"contents": 5, "thoughtSignature": 1}',
        b'{"contents":[{"parts":"thoughtSignature"}]}',
        b'{"x":"thoughtSignature"}',
    ):
        assert ROOM.drop_foreign_proofs(data, lambda _: False) == (data, ())
