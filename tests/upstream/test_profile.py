"""Profiles of ``.databrickscfg``: which is used, that a change is seen, and what is said when one is missing."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from trunkline.config.databrickscfg import Profile, ProfileError, profile_file, read_profile
from trunkline.core.errors import GatewayError, Kind
from trunkline.upstream.credentials.kept import Issued
from trunkline.upstream.credentials.profile import LOOK_AGAIN, ProfileLogin

FILE = """\
; made by the databricks command
[DEFAULT]
host = https://adb-1.2.azuredatabricks.net/
token = dapi-default

[work]
host  = https://dbc-a1b2c3d4-e5f6.cloud.databricks.com
token = dapi-%work

[principal]
host = https://adb-3.4.azuredatabricks.net
client_id = the-id
client_secret = s3cret
"""


def written(tmp_path: Path, text: str = FILE) -> Path:
    file = tmp_path / ".databrickscfg"
    file.write_text(text)
    return file


def test_profiles_are_read_and_inherit_nothing(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert read_profile(file, None).get("token") == "dapi-default"
    assert read_profile(file, "DEFAULT").get("host") == "https://adb-1.2.azuredatabricks.net/"
    assert read_profile(file, "work").get("token") == "dapi-%work"
    assert read_profile(file, "principal").get("token") is None
    assert "s3cret" not in repr(read_profile(file, "principal"))


def test_the_file_may_name_its_default(tmp_path: Path) -> None:
    file = written(tmp_path, FILE + "\n[__settings__]\ndefault_profile = work\n")
    assert read_profile(file, None).name == "work"
    with pytest.raises(ProfileError):
        read_profile(file, "__settings__")


FAULTS = [
    ("[a]\nhost = x\n", "b", "has no b profile configured; there are a"),
    ("[a]\nhost = x\n", None, "has no DEFAULT profile configured"),
    ("dapi-canary\n", "a", ", line 1 is not in the form of Databricks profiles"),
    ("[a]\ntoken = dapi-canary\n[a]\n", "a", ", line 3 is not in the form"),
    ("\x00" * 2_000_000, "a", "larger than 1 MiB"),
]


@pytest.mark.parametrize(("text", "name", "words"), FAULTS)
def test_what_is_wrong_is_said_without_the_contents(
    tmp_path: Path, text: str, name: str | None, words: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ProfileError) as raised:
        read_profile(file, name)
    assert words in str(raised.value)
    assert str(file) in str(raised.value)
    assert "canary" not in str(raised.value)


def test_a_file_that_is_not_there_is_made_by_the_command(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="databricks auth login makes it"):
        read_profile(tmp_path / "none", None)


def test_where_the_file_is() -> None:
    assert profile_file({"HOME": "/h"}) == Path("/h/.databrickscfg")
    assert profile_file({"HOME": "/h", "DATABRICKS_CONFIG_FILE": "~/x.cfg"}) == Path("/h/x.cfg")
    assert profile_file({"HOME": "/h", "DATABRICKS_CONFIG_FILE": "/etc/x.cfg"}) == Path("/etc/x.cfg")


async def nothing_else(profile: Profile) -> Issued:
    raise AssertionError(profile.name)


def test_T70_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = written(tmp_path)

    async def scenario() -> None:
        login = ProfileLogin("provider dbx", file, "work", nothing_else)
        assert await login.fetch() == Issued("dapi-%work", None, LOOK_AGAIN)
        file.write_text(FILE.replace("dapi-%work", "dapi-newer"))
        os.utime(file, (time.time() + 5, time.time() + 5))
        assert (await login.fetch()).value == "dapi-newer"
        file.unlink()
        with pytest.raises(GatewayError) as raised:
            await login.fetch()
        assert raised.value.kind is Kind.AUTHENTICATION
        assert "cannot be read" in raised.value.message

    asyncio.run(scenario())


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path)
    reads: list[str | None] = []

    def counted(path: Path, name: str | None) -> Profile:
        reads.append(name)
        return read_profile(path, name)

    monkeypatch.setattr("trunkline.upstream.credentials.profile.read_profile", counted)

    async def scenario() -> None:
        login = ProfileLogin("provider dbx", file, "work", nothing_else)
        for _ in range(5):
            await login.fetch()

    asyncio.run(scenario())
    assert reads == ["work"]


def test_a_token_that_cannot_be_sent_is_refused_unseen(tmp_path: Path) -> None:
    file = written(tmp_path, "[work]\ntoken = dapi canary\n")

    async def scenario() -> None:
        with pytest.raises(GatewayError) as raised:
            await ProfileLogin("provider dbx", file, "work", nothing_else).fetch()
        assert "canary" not in raised.value.message

    asyncio.run(scenario())
