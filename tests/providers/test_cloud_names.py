"""Account numbers, ARNs and projects in a cloud's errors stay with us (reliability_ux.md A3)."""

import json
from pathlib import Path

import pytest

from app.whole import Asked, Refusal, Reply, through
from providers.test_edit_marks import asking
from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.cloud_names import without_cloud_names


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "User: arn:aws:sts::123456789012:assumed-role/Role/me is not authorized to perform: bedrock:InvokeModel"
            " on resource: arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude",
            "User: arn:aws:**** is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:****",
        ),
        ("arn:aws-us-gov:iam::123456789012:user/x, denied", "arn:aws-us-gov:****, denied"),
        (
            "Publisher Model `projects/acme-prod-17/locations/us-central1/publishers/google/models/x` not found.",
            "Publisher Model `projects/****/locations/us-central1/publishers/google/models/x` not found.",
        ),
        (
            "Vertex AI API has not been used in project 123456789 before or it is disabled.",
            "Vertex AI API has not been used in project **** before or it is disabled.",
        ),
        ("Account 123456789012 has no access", "Account **** has no access"),
        ("prompt is too long: 210000 tokens > 200000 maximum", "prompt is too long: 210000 tokens > 200000 maximum"),
        ("Project `proj_abc` does not have access to model `gpt-5`", "Project `proj_abc` does not have access to model `gpt-5`"),
        ("set projects/settings in your file", "set projects/settings in your file"),
    ],
)  # fmt: skip
def test_what_clients_are_shown(said: str, shown: str) -> None:
    raw = json.dumps({"message": said}).encode()
    error = without_cloud_names(GatewayError(Kind.PERMISSION, said, raw=raw, local=False))
    assert error.message == shown
    assert error.raw == json.dumps({"message": shown}).encode()
    assert error.full == (None if said == shown else said)


@pytest.mark.server
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_the_client_reads_less_than_our_own_record(tmp_path: Path, path: str) -> None:
    said = "not authorized: arn:aws:iam::123456789012:user/secret-name"

    def refuse(asked: Asked) -> Reply:
        return Refusal(403, json.dumps({"error": {"message": said, "type": "forbidden"}}).encode())

    def config(url: str) -> str:
        return f"providers: {{p: {{kind: custom, key: k, speaks: {{openai_chat: '{url}/v1'}}, models: [m]}}}}\n"

    ask = asking(path, {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
    got, _, records = through(refuse, config, tmp_path, ask)
    assert {answer[0] for answer in got} == {403}
    assert all("123456789012" not in answer[2] and "arn:aws:****" in answer[2] for answer in got)
    assert all(said in str(record.error) for record in records)
