"""How the workspace says no: one exception that carries the whole answer."""

from typing import NoReturn

from standin.failures import coded, wrapped
from standin.wire import Reply


class Refused(Exception):
    """A rule was broken; ``reply`` says which."""

    def __init__(self, reply: Reply, text: str) -> None:
        super().__init__(text)
        self.reply = reply
        self.text = text


def refuse(message: str) -> NoReturn:
    """The validator behind: JSON in a string."""
    raise Refused(wrapped(message), message)


def refuse_extra(path: str) -> NoReturn:
    """The validator's words for a field it does not know."""
    refuse(f"{path}: Extra inputs are not permitted")


def refuse_unknown(field: str) -> NoReturn:
    """The front end's words for a field it does not know."""
    text = f'BAD_REQUEST: json: unknown field "{field}"'
    raise Refused(coded(400, "BAD_REQUEST", text), text)


def refuse_with(reply: Reply) -> NoReturn:
    """Any other answer."""
    raise Refused(reply, reply.body.decode())
