"""Sealed signatures know their maker."""

from trunkline.core.proofs import PREFIX, origin_tag, seal, unseal


def test_E8_a_sealed_signature_comes_back_with_its_origin() -> None:
    origin = origin_tag("dbx", "databricks-claude-sonnet-4-5")
    assert unseal(seal("ErcB+/=.x", origin)) == ("ErcB+/=.x", origin)


def test_E7_thinking_without_a_signature_is_recognisable() -> None:
    origin = origin_tag("local", "qwen3")
    assert seal(None, origin).startswith(PREFIX)
    assert unseal(seal(None, origin)) == (None, origin)


def test_a_foreign_signature_comes_out_as_it_is() -> None:
    assert unseal("ErcBCkgI") == ("ErcBCkgI", None)
    assert unseal("") == (None, None)


def test_origins_differ_by_provider_and_by_model() -> None:
    tags = {origin_tag("a", "m"), origin_tag("b", "m"), origin_tag("a", "n"), origin_tag("am", "")}
    assert len(tags) == 4
