"""The import of claude-code-router 3's settings, as users run it."""

import json

from config.ccr.version3_file import write_version3


def test_version_3_of_claude_code_router_is_found_and_so_is_what_it_replaced(command) -> None:
    provider = {
        "name": "new",
        "api_base_url": "https://new.example/v1",
        "api_key": "sk-CANARY",
        "models": ["n"],
    }
    older = {
        "name": "old",
        "api_base_url": "https://old.example/v1",
        "api_key": "sk-CANARY",
        "models": ["o"],
    }
    archived = json.dumps({"Providers": [older], "Router": {"default": "old,o", "think": "old,o"}})
    file = command.home / ".claude-code-router" / "config.sqlite"
    file.parent.mkdir()
    write_version3(file, {"Providers": [provider]}, archived=archived)
    new = command("config", "import", "ccr")
    assert new.code == 0, new.err
    assert "  new:\n" in new.out
    assert f"{file}: warning: legacy_storage_backups: holds the config.json" in new.err
    old = command("config", "import", "ccr", "--archived", "--json")
    assert "  think: " in json.loads(old.out)["yaml"]
    assert "CANARY" not in new.out + new.err + old.out + old.err
    assert command("config", "import", "ccr", str(file)).out == new.out
    (file.parent / "config.json").write_text(archived)
    assert "  old:\n" in command("config", "import", "ccr").out
    assert command("config", "import", "ccr", str(file.parent / "config.json"), "--archived").code == 2
    file.write_bytes(file.read_bytes()[:100])
    broken = command("config", "import", "ccr", str(file))
    assert (broken.code, broken.out, broken.err.count("\n")) == (3, "", 1)
