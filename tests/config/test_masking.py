"""What is hidden of a configuration, and that it comes back."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.config.masking import Hidden, masked_text, with_secrets, without_secrets

SHOWN = [
    ("$NAME", ("Providers", "0", "api_key")),
    ("${NAME}", ("server", "keys", "1")),
    ("https://one.example/v1/chat/completions", ("Providers", "0", "api_base_url")),
    ("https://one.example/v1?beta=true&key=$KEY", ("Providers", "0", "api_base_url")),
    ("one,model", ("Router", "default")),
    ("gpt-4o-2024-08-06", ("Providers", "0", "models", "3")),
    ("anthropic/claude-sonnet-4:online", ("Providers", "0", "models", "0")),
    ("8192", ("Providers", "0", "transformer", "use", "0", "1", "max_tokens")),
    ("info", ("LOG_LEVEL",)),
    ("az/gpt-4o", ("fallback",)),
    ("", ("APIKEY",)),
]
HIDDEN = [
    ("sk-1234567890abcdef1234", ("LOG_LEVEL",)),
    ("x", ("APIKEY",)),
    ("x", ("Providers", "0", "api_key")),
    ("x", ("Providers", "0", "transformer", "use", "0", "1", "private_key")),
    ("x", ("transformers", "0", "options", "accessToken")),
    ("x", ("providers", "far", "headers", "x-team")),
    ("x", ("anything", "env", "NAME")),
    ("x", ("MY_OWN_VARIABLE",)),
    ("Bearer $TOKEN", ("Providers", "0", "api_key")),
    ("dapi0123456789abcdef0123456789abcdef", ("transformers", "0", "options", "x")),
    ("eyJhbGciOiJIUzI1NiJ9.e30.x", ("transformers", "0", "options", "x")),
]
PARTLY = [
    ("http://me:secret@proxy.example:8080", ("PROXY_URL",), "http://****@proxy.example:8080"),
    (
        "https://x.example/v1?beta=1&api_key=abc&sig=d",
        ("a", "url"),
        "https://x.example/v1?beta=1&api_key=****&sig=****",
    ),
]


@pytest.mark.parametrize(("text", "place"), SHOWN)
def test_what_is_no_secret_is_shown(text: str, place: tuple[str, ...]) -> None:
    assert masked_text(text, place) == text


@pytest.mark.parametrize(("text", "place"), HIDDEN)
def test_what_is_secret_by_name_or_looks_is_hidden(text: str, place: tuple[str, ...]) -> None:
    assert masked_text(text, place) == "****"


@pytest.mark.parametrize(("text", "place", "shown"), PARTLY)
def test_of_a_url_the_secret_part_is_hidden(text: str, place: tuple[str, ...], shown: str) -> None:
    assert masked_text(text, place) == shown


KEYS = ("api_key", "token", "url", "models", "headers", "use", "x", "APIKEY")
NAMES = st.sampled_from(["one", "two", "three"])
TEXTS = st.sampled_from(
    ["a", "", "$A", "CANARY", "http://u:CANARY@h/", "****", "x****", "sk-CANARY-0123456789abcdef"]
)


def tables(below: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.fixed_dictionaries({}, optional={"name": NAMES, "id": NAMES, **dict.fromkeys(KEYS, below)})


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.lists(tables(below), max_size=3) | tables(below),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(tables(DOCUMENTS))
def test_what_is_sent_back_unchanged_means_the_same(document: object) -> None:
    assert with_secrets(without_secrets(document), document) == document


def test_nothing_of_a_secret_is_shown() -> None:
    document = {"Providers": [{"name": "p", "api_key": "CANARY", "headers": {"a": ["CANARY"]}}]}
    assert "CANARY" not in json.dumps(without_secrets(document))


LISTS = [
    ([{"name": "a", "token": "****"}], [{"name": "b", "token": "B"}, {"name": "a", "token": "A"}], ["A"]),
    ([{"name": "z", "token": "****"}], [{"name": "a", "token": "A"}], ["A"]),
]


@pytest.mark.parametrize(("changed", "known", "tokens"), LISTS)
def test_tables_of_a_list_are_found_by_name(
    changed: list[object], known: list[object], tokens: list[str]
) -> None:
    result = with_secrets({"l": changed}, {"l": known})
    assert [entry["token"] for entry in result["l"]] == tokens  # type: ignore[index]


LOST = [
    ({"APIKEY": "****"}, {}, "APIKEY"),
    ({"a": {"token": "x****"}}, {"a": {"token": "y"}}, "a.token"),
    ({"keys": ["****"]}, {"keys": ["one", "two"]}, "keys.0"),
    ({"l": [{"name": "new", "token": "****"}, {"name": "a", "token": "****"}]}, {"l": [{"name": "a", "token": "A"}]}, "l.0.token"),
    ({"a": "****"}, {"a": 1}, "a"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "known", "place"), LOST)
def test_a_mask_with_nothing_behind_it_is_told(changed: object, known: object, place: str) -> None:
    with pytest.raises(Hidden) as lost:
        with_secrets(changed, known)
    assert lost.value.places == [place]
