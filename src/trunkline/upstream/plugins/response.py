"""An answer as plugins in Python have it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import msgspec

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.upstream.plugins.plugin import unframed

MAX_WHOLE: Final = 64 * 1024 * 1024

Body = bytes | str | dict[str, object] | list[object] | AsyncIterator[bytes]


class Response:
    """An answer: ``status``, ``headers`` and a body that is read once, whole or piece by piece.

    ``await response.json()``, ``await response.text()``, ``await response.read()``, or
    ``async for piece in response``. :meth:`replace` makes the answer that a hook returns.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = dict(headers)
        """Names in lower case."""
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body

    async def read(self) -> bytes:
        """The rest of the body. Raises GatewayError when it is larger than 64 MiB, or breaks off."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self._body:
            pieces.append(piece)
            size += len(piece)
            if size > MAX_WHOLE:
                raise GatewayError(Kind.UPSTREAM_FAILED, f"the answer has more than {MAX_WHOLE} bytes")
        return b"".join(pieces)

    async def text(self) -> str:
        """The rest of the body as text."""
        return (await self.read()).decode("utf-8", "replace")

    async def json(self) -> object:
        """The rest of the body, decoded. Raises ValueError for what is no JSON."""
        return msgspec.json.decode(await self.read())

    def replace(
        self,
        body: Body | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "Response":
        """This answer with another body, status or headers (added to those that are there).

        ``body``: bytes, text, what is to be JSON, or an asynchronous iterator of bytes.
        """
        more = {name.lower(): value for name, value in (headers or {}).items()}
        if isinstance(body, dict | list):
            more = {"content-type": "application/json", **more}
        return Response(
            self.status if status is None else status,
            {**self.headers, **more},
            self._body if body is None else _pieces(body),
        )

    @property
    def body(self) -> AsyncIterator[bytes]:
        """The body, piece by piece."""
        return self._body


def _pieces(body: Body) -> AsyncIterator[bytes]:
    match body:
        case bytes():
            return _each((body,))
        case str():
            return _each((body.encode(),))
        case dict() | list():
            return _each((msgspec.json.encode(body),))
        case _:
            return body


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if piece:
            yield piece


def head_of(response: Response) -> HttpHead:
    """Its head, without what was about other bytes."""
    return HttpHead(response.status, unframed(response.headers.items()))
