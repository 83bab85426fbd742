"""What a refusal taught is kept as soon as the changed request is taken, whatever becomes of it then."""

import pytest

from relay.kit import Bench, Script, ScriptedUpstream, TestProvider, surface
from relay.tiny import answer
from relay.virtual import run
from trunkline.core.errors import GatewayError
from trunkline.providers.provider import Lesson, Surface, Switched

FINE = Script(answer("fine"))
ABSENT = Script([b"use the other api"], status=404, headers=())


def teach(surface: Surface, error: GatewayError) -> Lesson | None:
    return Switched("second", "the route is missing") if surface.name == "first" else None


def bench(*second: Script) -> Bench:
    both = TestProvider(
        "one", (surface("one", "tiny", "first"), surface("one", "small", "second")), teach=teach
    )
    urls = {"http://one/first": [ABSENT], "http://one/second": list(second)}
    return Bench(ScriptedUpstream(by_url=urls), (both,))


def asked(it: Bench) -> list[str]:
    return [request.url.rpartition("/")[2] for request in it.upstream.requests]


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_a_failure_of_the_moment_does_not_unlearn_the_surface(status: int) -> None:
    it = bench(Script([b"not now"], status=status, headers=()), FINE)
    assert run(it.run()).text == "fine"
    assert asked(it) == ["first", "second", "second"]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_of_the_changed_request_too_teaches_nothing(status: int) -> None:
    it = bench(Script([b"no"], status=status, headers=()), FINE)

    async def main() -> None:
        with pytest.raises(GatewayError):
            await it.run()
        assert (await it.run()).text == "fine"

    run(main())
    assert asked(it) == ["first", "second", "first", "second"]
