"""The user's blocking code, beside the event loop."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import cast

from trunkline.core.errors import GatewayError
from trunkline.upstream.plugins.link import HookFailed


async def run_hook(hook: Callable[..., object], *given: object) -> object:
    """What a function of the user's returns, asynchronous or not. Raises HookFailed with what it raised."""
    try:
        if inspect.iscoroutinefunction(hook):
            return cast("object", await hook(*given))
        found = await _beside(hook, given)
        return cast("object", await found) if inspect.isawaitable(found) else found
    except (GatewayError, HookFailed):
        raise
    except Exception as error:  # it is not our code: whatever it is, the request is told
        raise HookFailed(f"{type(error).__name__}: {error}") from error


def _beside(hook: Callable[..., object], given: tuple[object, ...]) -> asyncio.Future[object]:
    """Runs in a thread of its own. One that never returns does not keep the gateway from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[object] = loop.create_future()

    def settle(found: object, error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(found)
        else:
            future.set_exception(error)

    def work() -> None:
        found: object = None
        failure: Exception | None = None
        try:
            found = hook(*given)
        except Exception as error:  # noqa: BLE001 - told to who waits
            failure = RuntimeError("StopIteration") if isinstance(error, StopIteration) else error
        try:
            loop.call_soon_threadsafe(settle, found, failure)
        except RuntimeError:
            return  # the loop has ended meanwhile: nobody waits

    threading.Thread(target=work, name="trunkline-plugin", daemon=True).start()
    return future
