"""The pinned agents, installed once into folders that version control ignores.

Those from npm go into ``node_modules`` by the lock file; aider, whose pins would fight with ours, into an
environment of its own by its hashed requirements. A stamp in each folder says what it was made from, so
nothing is installed again until a pin changes. What cannot be had fails the test; it never skips.
"""

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"
AIDER = FOLDER / ".aider"
STAMP = ".installed-from"


def claude_code() -> Path:
    """The executable of the pinned Claude Code: the platform package's, which needs no install script."""
    _once(FOLDER / "package-lock.json", MODULES, lambda: _install_from_npm(FOLDER))
    libc = "-musl" if platform.system() == "Linux" and not platform.libc_ver()[0] else ""
    return _found(MODULES / "@anthropic-ai" / f"claude-code-{_platform()}{libc}" / "claude")


def npm_commands() -> Path:
    """A folder with the commands of all pinned agents from npm, and with the Node.js that they need."""
    claude = claude_code()
    commands = MODULES / ".bin"
    # These two come as a package for each platform; an install script would have moved them.
    _link(commands / "claude", claude)
    _link(
        commands / "opencode", _found(MODULES / f"opencode-{_platform()}{_baseline()}" / "bin" / "opencode")
    )
    for name in ("codex", "gemini", "qwen"):
        _found(commands / name)
    return commands


def npm_script(folder: Path, script: str) -> Path:
    """A script of the one package that ``folder`` pins; it needs none but the Node.js of ``npm_commands``."""
    _once(folder / "package-lock.json", folder / "node_modules", lambda: _install_from_npm(folder))
    return _found(folder / "node_modules" / script)


def aider_commands() -> Path:
    """A folder with the command of the pinned aider."""
    _once(FOLDER / "aider.txt", AIDER, _install_aider)
    return _found(AIDER / "bin" / "aider").parent


def _once(pins: Path, target: Path, install: Callable[[], None]) -> None:
    """Installs unless ``target`` was made from these pins already. One process at a time."""
    with pins.open("rb") as pinned:
        fcntl.flock(pinned, fcntl.LOCK_EX)
        wanted = hashlib.sha256(pinned.read()).hexdigest()
        stamp = target / STAMP
        if not stamp.exists() or stamp.read_text() != wanted:
            install()
            stamp.write_text(wanted)


def _install_from_npm(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("The agent tests need npm to install the pinned agents: install Node.js and npm.")
    options = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    _run([npm, "install", *options], folder)


def _install_aider() -> None:
    _run([sys.executable, "-m", "venv", "--clear", str(AIDER)])
    pip = [str(AIDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "-r", "aider.txt"])


def _run(command: list[str], folder: Path = FOLDER) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        shown = " ".join(command)
        pytest.fail(
            f"{shown!r} in {folder.name} failed with {done.returncode}:\n{done.stdout}{done.stderr}"
        )


def _found(path: Path) -> Path:
    if not path.exists():
        here = f"{platform.system()} on {platform.machine()}"
        pytest.fail(f"There is no agent for {here}: {path.relative_to(FOLDER.parent)} is missing.")
    return path


def _link(link: Path, target: Path) -> None:
    if link.resolve() != target.resolve():
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _platform() -> str:
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{({'x86_64': 'x64', 'amd64': 'x64', 'aarch64': 'arm64'}).get(machine, machine)}"


def _baseline() -> str:
    """The build for any processor: the ordinary one of opencode stops where AVX2 is missing."""
    return "-baseline" if platform.machine().lower() in ("x86_64", "amd64") else ""


if __name__ == "__main__":
    npm_commands()
    aider_commands()
