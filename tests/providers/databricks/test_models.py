"""The newest Claude of each tier among a workspace's names."""

from trunkline.providers.databricks.models import best_claude


def test_the_newest_of_each_tier_wins_whatever_the_order() -> None:
    names = [
        "databricks-claude-opus-4-5", "databricks-gpt-5", "databricks-claude-opus-4-8", "databricks-claude-opus-4",
        "databricks-claude-sonnet-4-5", "databricks-claude-sonnet-4-6", "databricks-claude-haiku-4-5",
        "databricks-claude-3-7-sonnet", "databricks-gpt-oss-20b",
    ]  # fmt: skip
    best = {
        "opus": "databricks-claude-opus-4-8",
        "sonnet": "databricks-claude-sonnet-4-6",
        "haiku": "databricks-claude-haiku-4-5",
    }
    assert best_claude(names) == best
    assert best_claude(reversed(names)) == best


def test_versions_are_numbers() -> None:
    assert best_claude(["claude-opus-4-8", "claude-opus-4-10"]) == {"opus": "claude-opus-4-10"}
    assert best_claude(["claude-opus-4-8", "claude-opus-5"]) == {"opus": "claude-opus-5"}
    assert best_claude(["claude-sonnet-5", "claude-sonnet-5-5"]) == {"sonnet": "claude-sonnet-5-5"}


def test_service_names_count_too_and_the_first_of_two_spellings_stays() -> None:
    names = ["system.ai.claude-fable-5", "system.ai.claude-opus-4-8", "databricks-claude-opus-4-8"]
    assert best_claude(names) == {"opus": "system.ai.claude-opus-4-8", "fable": "system.ai.claude-fable-5"}


def test_a_plain_name_wins_over_one_with_additions() -> None:
    assert best_claude(["claude-opus-4-8-eval", "claude-opus-4-8"]) == {"opus": "claude-opus-4-8"}


def test_nothing_is_made_up() -> None:
    assert best_claude([]) == {}
    assert best_claude(["databricks-gpt-5", "claude", "my-claude"]) == {}
