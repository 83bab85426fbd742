"""Usage is replaced, never added up."""

from trunkline.core.usage import Usage, latest


def test_E66_later_counts_replace_and_gaps_are_filled() -> None:
    assert latest(Usage(input=5, cache_read=7, output=1), Usage(output=9, cache_read=0)) == Usage(
        input=5, cache_read=0, output=9
    )
    assert latest(None, Usage(output=1)) == Usage(output=1)


def test_E101_prompt_counts_cached_tokens_once() -> None:
    assert Usage(input=10, cache_read=20, cache_write=3, output=1).prompt == 33
    assert Usage().prompt == 0
