"""Clones for the walks."""

from pathlib import Path

import pytest

from seeds.clone import FILES, Clone
from seeds.serving import ROOT


def make_clone(folder: Path) -> Clone:
    """A new clone below ``folder``, with the files that the documents' commands use."""
    clone = Clone(folder / "clone")
    clone.folder.mkdir()
    clone.home.mkdir()
    for name in FILES:
        (clone.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (clone.folder / name).write_bytes((ROOT / name).read_bytes())
    return clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return make_clone(tmp_path)
