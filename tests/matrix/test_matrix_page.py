"""The page of the matrix is what happens, and nothing is lost without a word."""

import pytest

from matrix.cells import CODECS, A, C, Cell, cell
from matrix.knobs import KNOBS
from matrix.page import PAGE, SECTIONS, cells, page
from trunkline.protocols.codec import Encoded

REQUESTS = [section for section in SECTIONS if section.startswith("Requests")]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make matrix"


def test_every_protocol_and_many_features_are_on_it() -> None:
    found = list(cells())
    assert len({(source, target) for _, _, source, target, _ in found}) == 12
    assert len({name for _, name, _, _, _ in found}) >= 70
    assert {cell.word for *_, cell in found} == {"carried", "emulated", "lost", "refused"}


@pytest.mark.parametrize("section", REQUESTS)
def test_what_a_request_loses_is_declared(section: str) -> None:
    silent = [
        f"{name}: {source} to {target}"
        for where, name, source, target, found in cells()
        if where == section and found.word == "lost" and not found.losses
    ]
    assert not silent


def test_content_and_functions_are_never_lost() -> None:
    spared = {"picture's level of detail", "names of speakers"}
    lost = [
        f"{name}: {source} to {target}"
        for where, name, source, target, found in cells()
        if where == "Requests: content" and found.word == "lost" and name not in spared
    ]
    assert not lost


def test_a_cell_is_found_by_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that forgets the output limit changes the cell: nothing about it is written down anywhere."""
    limit = next(one for one in KNOBS if one.name == "output limit")
    assert cell(limit, A, C).word == "carried"
    chat, encode = type(CODECS[C]), type(CODECS[C]).encode_request

    def forgetful(self: object, request: object, facts: object) -> Encoded:
        encoded = encode(self, request, facts)
        return Encoded(body=encoded.body.replace(b"777", b"778"))

    monkeypatch.setattr(chat, "encode_request", forgetful)
    assert cell(limit, A, C) == Cell("lost")
