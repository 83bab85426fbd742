"""Everyday work: an answer, files, commands, pictures."""

import struct
import zlib

import pytest

from agents.conftest import MakeBench
from standin import Asked, Call, Scripted, say, turn, use

pytestmark = pytest.mark.agent


def test_says_hello_and_remembers_the_surface(bench: MakeBench) -> None:
    made = bench([say("Hello, ✓ everyone."), say("Again.")])
    run = made.claude.run("Just say hello.")
    made.check(run)
    assert run.result == "Hello, ✓ everyone."
    assert "Just say hello." in made.standin.asked[0].first_user_text
    refused = len(made.standin.refusals)
    again = made.claude.run("And again.")
    made.check(again)
    assert again.result == "Again."
    assert len(made.standin.refusals) == refused, "the choice of a surface is remembered"


def test_writes_a_file(bench: MakeBench) -> None:
    content = "first\n\n\ttabs, “quotes”, emoji 🚂 and a lone \\ backslash\n"
    made = bench(
        [turn("I write.", Call("Write", {"file_path": "notes.txt", "content": content})), say("Written.")]
    )
    run = made.claude.run("Write the notes.")
    made.check(run)
    assert run.result == "Written."
    assert (made.folder / "notes.txt").read_text() == content
    assert made.standin.asked[1].last_results[0].text.startswith("File created successfully")
    assert "DeferredToolPlaceholder" not in made.standin.asked[0].tools
    assert {"Bash", "Read", "Write"} <= set(made.standin.asked[0].tools)


def test_T101_edits_what_it_read(bench: MakeBench) -> None:
    made = bench([])
    path = made.folder / "code.py"
    path.write_text("answer = 41\n")

    def script(asked: Asked) -> Scripted:
        steps = [
            use("Read", file_path=str(path)),
            use("Edit", file_path=str(path), old_string="41", new_string="42"),
            say("Fixed."),
        ]
        return steps[asked.turns]

    made.play(script)
    run = made.claude.run("Fix the answer.")
    made.check(run)
    assert path.read_text() == "answer = 42\n"
    assert "answer = 41" in made.standin.asked[1].last_results[0].text


def test_runs_a_command_and_reports_its_output(bench: MakeBench) -> None:
    def script(asked: Asked) -> Scripted:
        if not asked.last_results:
            return use("Bash", command="echo over-$((6 * 7)); echo warning >&2", description="Count")
        return say(f"It printed: {asked.last_results[0].text}")

    made = bench(script)
    run = made.claude.run("Run it and tell me what it prints.")
    made.check(run)
    assert run.result.startswith("It printed: over-42")
    assert "warning" in run.result


def test_a_command_that_prints_nothing_and_one_that_fails(bench: MakeBench) -> None:
    made = bench(
        [
            use("Bash", command="true", description="Nothing"),
            use("Bash", command="echo bad; exit 3", description="Fail"),
            say("Done."),
        ]
    )
    run = made.claude.run("Run both.")
    made.check(run)
    assert run.result == "Done."
    assert "bad" in made.standin.asked[2].last_results[0].text


def test_makes_two_calls_in_one_turn(bench: MakeBench) -> None:
    first = Call("Bash", {"command": "echo one", "description": "One"})
    second = Call("Bash", {"command": "echo two", "description": "Two"})
    made = bench([turn("Both at once.", first, second), say("Both done.")])
    run = made.claude.run("Do both.")
    made.check(run)
    assert run.result == "Both done."
    results = made.standin.asked[1].last_results
    # They run at the same time: which ends first, and so comes first, is chance.
    assert sorted(result.text.split("\n")[0] for result in results) == ["one", "two"]
    assert len({result.call_id for result in results}) == 2


def test_reads_a_picture_from_disk(bench: MakeBench) -> None:
    made = bench([])
    path = made.folder / "picture.png"
    path.write_bytes(picture())

    def script(asked: Asked) -> Scripted:
        return say("A red square.") if asked.last_results else use("Read", file_path=str(path))

    made.play(script)
    run = made.claude.run("What is in the picture?")
    made.check(run)
    assert run.result == "A red square."
    assert made.standin.asked[1].images == 1
    in_result = made.standin.asked[1].last_results[0].images
    assert in_result == (1 if made.surface == "messages" else 0)


def picture() -> bytes:
    """A red square of 32 by 32."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\0\0" * 32 for _ in range(32))
    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
