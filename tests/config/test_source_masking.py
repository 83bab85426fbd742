"""The text of a configuration file as it is shown and as it comes back."""

import pytest

from trunkline.config.masking import Hidden
from trunkline.config.problems import ConfigurationError
from trunkline.config.source_masking import check_source, masked_source, unmasked_source

CANARY = "sk-CANARY-4f9a77d1c3ab52"
PLAIN = "CANARY-that-looks-like-nothing"
YAML = f"""\
# the team's own, token: {PLAIN}   # and {CANARY}
server:
  admin_key: {CANARY}admin  # for the two of us
  keys: ["{PLAIN}", '${{TWO_KEY}}', 'it''s {PLAIN}']
providers:
  far:
    kind: custom   # key = {PLAIN}
    speaks: {{openai_chat: "https://me:{PLAIN}@far.example/v1?key={PLAIN}"}}   # the far one
    token: >-
      {PLAIN}
      folded
    headers: {{x-team: {PLAIN}, x-other: "${{OTHER}}"}}
    models: [m, 'a#b']
  near:
    kind: ollama
    token: |
      {PLAIN}
      two lines
    models: [n]
routes:
  default: far/m
"""
JSON5 = f"""\
{{
  // whose this is: api_key: "{PLAIN}", {CANARY}
  PORT: 3456,
  'ZAI_USER': '{PLAIN}',
  "Providers": [
    {{"name": "one", "api_base_url": "https://one.example/v1/chat/completions", "api_key": "{CANARY}1", "models": ["m", "n",],
      "transformer": {{"use": [["customparams", {{"secret_word": "{CANARY}2", "seed": 4}}], "cleancache"]}}}},
    {{name: "two", api_base_url: "https://two.example/v1/chat/completions", api_key: "$TWO_KEY", models: ["m"]}}, /* tail
       password: {PLAIN} */
  ],
  "Router": {{"default": "one,m"}},
}}
"""
FILES = pytest.mark.parametrize(
    "text", [YAML, JSON5, YAML.replace("\n", "\r\n")], ids=["yaml", "json5", "crlf"]
)


@FILES
def test_nothing_secret_is_shown_and_all_comes_back(text: str) -> None:
    shown = masked_source(text)
    assert "CANARY" not in shown
    assert "****" in shown
    assert masked_source(shown) == shown
    for kept in ("TWO_KEY", "the far one" if text is not JSON5 else "tail", "default"):
        assert kept in shown
    back = unmasked_source(shown, text)
    assert check_source(back, "") == check_source(text, "")
    assert [line for line in back.splitlines() if "#" in line or "//" in line] == [
        line for line in text.splitlines() if "#" in line or "//" in line
    ]


def test_layout_comments_and_spelling_stay() -> None:
    text = f"# mine\nproviders:\n  far:   {{token: '{PLAIN}'}} # far\n\n\nroutes: {{}}\n"
    shown = masked_source(text)
    assert shown == '# mine\nproviders:\n  far:   {token: "****"} # far\n\n\nroutes: {}\n'
    assert unmasked_source(shown, text) == text
    assert unmasked_source(shown.replace("far:", "far :"), text) == text.replace("far:", "far :")


def test_secrets_follow_their_providers() -> None:
    one, two = (f'{{name: "{name}", api_key: "{CANARY}{name}", models: ["m"]}}' for name in ("one", "two"))
    text = f"{{Providers: [\n  {one},  // first\n  {two}\n]}}"
    lines = masked_source(text).splitlines()
    swapped = "\n".join([lines[0], lines[2] + ",", lines[1].replace(",  //", "  //"), lines[3]])
    assert unmasked_source(swapped, text) == f"{{Providers: [\n  {two},\n  {one}  // first\n]}}"


def test_a_mask_with_nothing_behind_it_is_refused() -> None:
    shown = masked_source(YAML)
    with pytest.raises(Hidden, match=r"providers\.new\.token"):
        unmasked_source(shown.replace("routes:", "  new: {kind: ollama, token: '****'}\nroutes:"), YAML)
    with pytest.raises(Hidden, match=r"admin_key"):
        unmasked_source(shown, "server: {}\n")


def test_what_cannot_be_read_is_neither_shown_nor_taken() -> None:
    for text in ("a: [", "{a: 1", "a: !python/object:x {}\n"):
        with pytest.raises(ConfigurationError):
            masked_source(text)
        with pytest.raises(ConfigurationError):
            unmasked_source(text, YAML)


def test_a_comparison_marks_secrets_that_are_new() -> None:
    changed = YAML.replace(f"admin_key: {CANARY}admin", f"admin_key: {CANARY}other")
    lines = masked_source(changed, YAML).splitlines()
    assert '  admin_key: "**** (new)"  # for the two of us' in lines
    assert sum("(new)" in line for line in lines) == 1
    assert masked_source(YAML, YAML) == masked_source(YAML)


def test_keys_that_look_like_comments_and_texts_with_signs_stay() -> None:
    text = "models:\n  'a # b': far/m   # c\n  x#y: 'q # r'\nany_name: true\n"
    assert masked_source(text) == text


def test_an_empty_file_is_empty() -> None:
    assert masked_source("") == ""
    assert unmasked_source("# only\n", "") == "# only\n"
