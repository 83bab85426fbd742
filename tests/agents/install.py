"""The pinned agents, installed once into a folder that version control ignores."""

import fcntl
import hashlib
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"
STAMP = MODULES / ".installed-from"


def claude_code() -> Path:
    """The executable of the pinned Claude Code. Fails the test, and never skips it, when it cannot be had."""
    with (FOLDER / "package-lock.json").open("rb") as pinned:
        fcntl.flock(pinned, fcntl.LOCK_EX)
        wanted = hashlib.sha256(pinned.read()).hexdigest()
        if not STAMP.exists() or STAMP.read_text() != wanted:
            _install()
            STAMP.write_text(wanted)
    return _executable()


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("The agent tests need npm to install the pinned Claude Code: install Node.js and npm.")
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
        cwd=FOLDER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"npm ci in {FOLDER.name} failed with {done.returncode}:\n{done.stdout}{done.stderr}")


def _executable() -> Path:
    """The platform package's binary: it needs no install script and no Node.js of a certain age."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    system = platform.system().lower()
    libc = "-musl" if system == "linux" and not platform.libc_ver()[0] else ""
    found = MODULES / "@anthropic-ai" / f"claude-code-{system}-{machine}{libc}" / "claude"
    if not found.exists():
        pytest.fail(
            f"npm installed no Claude Code for {system} on {machine}: {found.parent.name} is missing."
        )
    return found
