"""What the dashboard's page asks: exchanges, sums, providers, and what is under way. The answers are of all workers."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trunkline.app.admin.answers import answer, parameter, refuse
from trunkline.app.board import Seen, mark_of
from trunkline.config.load import dialect_in, read_text
from trunkline.config.problems import ConfigurationError
from trunkline.dashboard.local import Question, Rows, WorkerState
from trunkline.dashboard.rows import Row, filter_of, iso
from trunkline.dashboard.tally import BY, Tally, summary
from trunkline.dashboard.targets import TargetState, merged
from trunkline.server.admin import AdminAnswer, AdminCall

GONE: Final = "There is no such request: it is over and no longer kept, or was never here."


class DashboardRoutes:
    """Answers about the gateway that is ``seen``."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._board = seen.board
        self._workers = seen.board.workers

    async def status(self, call: AdminCall) -> AdminAnswer:
        """What runs, on what, and since when."""
        board, seen = self._board, self._seen
        states = await self._workers.ask(Question(verb="state"), WorkerState)
        server, status = seen.configuration.server, seen.status()
        return answer(
            {
                "version": status.version,
                "pid": os.getpid(),
                "started": iso(board.began),
                "uptime_seconds": round(board.local.unix() - board.began, 1),
                "address": f"{server.host}:{server.port}",
                "workers": len(states),
                "silent": self._workers.silent,
                "shows": board.shows(len(states)),
                "pids": sorted(state.pid for state in states),
                "rehearsal": status.rehearsal,
                "config": await asyncio.to_thread(self._config),
                "live": sum(state.live for state in states),
                "providers": len(seen.providers),
                "models": len(seen.table().names),
            }
        )

    def _config(self) -> Mapping[str, object]:
        """The file that runs, and whether it says something else by now."""
        source = self._seen.configuration.source
        try:
            text = read_text(Path(source)) if Path(source).is_file() else None
        except ConfigurationError:
            text = ""
        kind = source if text is None else dialect_in(Path(source), text) or "unknown"
        changed = self._seen.mark != mark_of(source)
        return {"path": source, "kind": kind, "changed": changed}

    async def requests(self, call: AdminCall) -> AdminAnswer:
        """Those under way and the last ones, newest first, as many as asked for."""
        wanted = filter_of(call.query)
        found = await self._workers.ask(Question(verb="rows", filter=wanted), Rows)
        return answer(
            {
                "live": _newest([row for rows in found for row in rows.live]),
                "recent": _newest([row for rows in found for row in rows.recent])[: wanted.limit],
                "kept": sum(rows.kept for rows in found),
                "capacity": sum(rows.capacity for rows in found),
            }
        )

    async def request(self, call: AdminCall) -> AdminAnswer:
        """All that is known of one."""
        found = await self._workers.ask(Question(verb="one", about=call.rest), list[dict[str, object]])
        known = [one for several in found for one in several]
        if not known:
            refuse(404, GONE)
        return answer(known[0])

    async def cancel(self, call: AdminCall) -> AdminAnswer:
        """End one that is under way."""
        if not any(await self._workers.ask(Question(verb="cancel", about=call.rest), bool)):
            refuse(404, "There is no such request under way: it may be over by now.")
        return answer({"cancelled": call.rest})

    async def feed(self, call: AdminCall) -> AdminAnswer:
        """What begins and ends from now on."""
        events = self._board.feeds.begin()
        return AdminAnswer(body=b"", content_type="text/event-stream", events=events)

    async def totals(self, call: AdminCall) -> AdminAnswer:
        """Sums over those that are kept."""
        by = parameter(call.query, "by") or "model"
        if by not in BY:
            refuse(400, f"by: one of {', '.join(BY)} is wanted.")
        first, *others = await self._workers.ask(Question(verb="totals", about=by), Tally)
        for tally in others:
            first.add(tally)
        return answer(summary(first, self._board.local.unix()))

    async def targets(self, call: AdminCall) -> AdminAnswer:
        """How each model at each provider is."""
        return answer(merged(await self._workers.ask(Question(verb="targets"), list[TargetState])))


def _newest(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.at, reverse=True)
