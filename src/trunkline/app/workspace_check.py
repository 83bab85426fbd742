"""Asking a Databricks workspace what is wrong with it: a few requests, each bounded in time, none that costs tokens
unless models are named to be asked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from trunkline.app.discovery import ask_whole
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest
from trunkline.core.types import Message, Request, Text
from trunkline.protocols.registry import TARGETS
from trunkline.providers.databricks.checks import host as host_checks
from trunkline.providers.databricks.checks import models as model_checks
from trunkline.providers.databricks.checks import token as token_checks
from trunkline.providers.databricks.discovery import Endpoint, read_endpoints
from trunkline.providers.databricks.errors import Meaning, classify
from trunkline.providers.databricks.provider import DatabricksProvider
from trunkline.providers.databricks.said import read_said
from trunkline.providers.databricks.services import ServiceWalk
from trunkline.providers.finding import Finding
from trunkline.providers.provider import Surface
from trunkline.relay.ports import Credentials, Upstream

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds for one probe."""
LOGIN_PATIENCE: Final = 40.0
"""Seconds for a login to give its token: it may run a command and ask several hosts. It has its own limits."""
ASK_PATIENCE: Final = 60.0
"""Seconds for one question to a model."""
ENDPOINTS: Final = "/api/2.0/serving-endpoints"
SERVICES: Final = "/api/2.1/unity-catalog/model-services?page_size=1"
QUESTION: Final = "Reply with the word ok."
OUTPUT: Final = 32


class Said(NamedTuple):
    """An answer, whole."""

    head: HttpHead
    body: bytes

    @property
    def meaning(self) -> Meaning | None:
        """Of a refusal."""
        return None if self.head.status == 200 else classify(self.head, read_said(self.body))


class WorkspaceCheck:
    """Checks one provider."""

    def __init__(
        self,
        provider: DatabricksProvider,
        upstream: Upstream,
        credentials: Credentials,
        *,
        unix: Callable[[], float],
        proxy: str | None = None,
        login: bool = False,
        login_elsewhere: bool = False,
        own_tokens: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        """``login``: its token is one that we renew; ``login_elsewhere``: and that another host issues.
        ``own_tokens``: it is asked with the clients' own."""
        self._provider = provider
        self._upstream = upstream
        self._credentials = credentials
        self._unix = unix
        self._proxy = proxy
        self._login = login
        self._login_elsewhere = login_elsewhere
        self._own_tokens = own_tokens
        self._patience = patience
        self.findings: list[Finding] = []

    async def run(self, ask: Sequence[str] = ()) -> list[Finding]:
        """All checks in order, as far as each lets the next make sense; ``ask``: models to send a question to."""
        self._note(host_checks.of_spelling(self._provider.host, login_elsewhere=self._login_elsewhere))
        if not await self._connects():
            return self._skip("token", "models")
        if self._own_tokens:
            self._note(Finding(check="token", state="ok", message="each client's own is sent on"))
            return self.findings
        token = await self._token()
        if self._failed("token", "token form"):
            return self._skip("models")
        if self._provider.host.dedicated:
            await self._looks_at_gateway(token)
        else:
            await self._lists(token)
        if self._failed("token"):
            return self.findings
        for model in ask:
            await self._ask(model, token)
        return self.findings

    def _note(self, *findings: Finding) -> None:
        self.findings.extend(findings)

    def _failed(self, *checks: str) -> bool:
        return any(one.state == "fail" and one.check in checks for one in self.findings)

    def _skip(self, *checks: str) -> list[Finding]:
        """What could not be looked at."""
        first = next(one for one in self.findings if one.state == "fail")
        for check in checks:
            self._note(Finding(check=check, state="skip", message=f"not looked at: {first.check} failed"))
        return self.findings

    async def _connects(self) -> bool:
        """Whether anybody answers; nothing is sent that is secret."""
        host = self._provider.host
        try:
            said = await self._asked(
                HttpRequest("GET", host.base + host_checks.DOCUMENT, (("accept", "application/json"),))
            )
        except GatewayError as error:
            self._note(host_checks.of_silence(error, host.base, self._proxy))
            return False
        found = host_checks.of_document(host, said.head, said.body)
        self._note(found)
        return found.state != "fail"

    async def _token(self) -> str | None:
        """The credential; a finding says why it is of no use, if it is not."""
        try:
            asked = self._credentials.credential(self._provider.name)
            token = await self._in_time(asked, "no token", LOGIN_PATIENCE)
        except GatewayError as error:
            self._note(
                Finding(
                    check="token", state="fail", message=error.message, problem="no-login", kind=error.kind
                )
            )
            return None
        if token is None:
            if not self._provider.needs_credential:
                return None
            self._note(
                Finding(
                    check="token", state="fail", message="there is none", problem="no-token",
                    fix="set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or a profile",
                    kind=Kind.AUTHENTICATION,
                )
            )  # fmt: skip
            return None
        found = token_checks.of_form(token, self._provider.host, self._unix(), renewed=self._login)
        self._note(found)
        return token

    async def _looks_at_gateway(self, token: str | None) -> None:
        """A gateway's own host, which only lists Claude's models."""
        said = await self._outcome(self._provider.gateway_models(token))
        if isinstance(said, Said) and said.meaning is None:
            self._note(Finding(check="token", state="ok", message="accepted"))
        elif isinstance(said, Said) and (
            refused := token_checks.of_refusal(said.head, said.body, self._provider.host)
        ):
            self._note(refused)
            return
        self._note(
            Finding(check="models", state="skip", message="a gateway's own host has no list of models")
        )

    async def _lists(self, token: str | None) -> None:
        """What the workspace lists, and with it whether it takes the token."""
        provider = self._provider
        walks = provider.services(token)
        async with asyncio.TaskGroup() as group:
            listing = group.create_task(self._outcome(provider.get(ENDPOINTS, token)))
            # What only a workspace with the AI gateway answers; one of them may fail for other reasons.
            gateway = (provider.get(SERVICES, token), provider.gateway_models(token))
            probes = [group.create_task(self._outcome(request)) for request in gateway]
            for walk in walks:
                group.create_task(self._follow(walk))
        endpoints = self._of_listing(listing.result())
        if self._failed("token", "connection"):
            return
        services = list(dict.fromkeys(name for walk in walks for name in walk.names))
        answers = [said.meaning for probe in probes if isinstance(said := probe.result(), Said)]
        if provider.host.system_ai:
            self._note(model_checks.of_gateway(answers, needed=self._needs_gateway()))
        if provider.models:
            known = None if endpoints is None and not services else services
            self._note(*(model_checks.of_model(model, endpoints, known) for model in provider.models))
        elif endpoints is not None or services:
            self._note(model_checks.of_all(endpoints or {}, services))
        else:
            self._note(Finding(check="models", state="skip", message="the workspace's list is not known"))

    def _needs_gateway(self) -> str:
        if self._provider.pinned.startswith("gateway"):
            return f"only {self._provider.pinned} is to be used"
        own = [model for model in self._provider.models if not _has_endpoint(self._provider, model)]
        return f"{own[0]} is only there" if own else ""

    def _of_listing(self, said: "Said | GatewayError") -> Mapping[str, Endpoint] | None:
        if isinstance(said, GatewayError):
            self._note(Finding(check="token", state="warn", message=said.message, problem="list-failed"))
            return None
        meaning = said.meaning
        if meaning is None:
            try:
                found = {endpoint.name: endpoint for endpoint in read_endpoints(said.body)}
            except GatewayError:
                self._note(host_checks.of_document(self._provider.host, said.head, b"<html" + said.body))
                return None
            self._note(Finding(check="token", state="ok", message="accepted"))
            return found
        refused = token_checks.of_refusal(said.head, said.body, self._provider.host)
        self._note(refused or token_checks.of_listing(said.head, said.body, meaning))
        return None

    async def _ask(self, model: str, token: str | None) -> None:
        """One small question over each route of a model. A refusal is no failure where another route answers."""
        findings = [
            await self._ask_over(surface, model, token)
            for surface in self._provider.surfaces(model)
            if not surface.reserve
        ]
        works = any(one.state == "ok" for one in findings)
        for one in findings:
            state = "warn" if works and one.state == "fail" else one.state
            self._note(one if state == one.state else _milder(one))

    async def _ask_over(self, surface: Surface, model: str, token: str | None) -> Finding:
        request = Request(
            protocol=surface.protocol,
            model=surface.deployment,
            messages=(Message("user", (Text(QUESTION),)),),
            max_tokens=OUTPUT,
        )
        encoded = TARGETS[surface.protocol].encode_request(request, surface.facts)
        body, _ = self._provider.edit(surface, encoded.body)
        headers = self._provider.headers(surface, token, ())
        try:
            said = await self._asked(HttpRequest("POST", surface.url, headers, body), ASK_PATIENCE)
        except GatewayError as error:
            return Finding(
                check=f"{model} over {surface.name}",
                state="fail",
                message=error.message,
                problem="no-answer",
                kind=error.kind,
            )
        if said.meaning is None:
            return Finding(check=f"{model} over {surface.name}", state="ok", message="answers")
        text = read_said(said.body).message or f"status {said.head.status}"
        return model_checks.of_refusal(surface.name, model, said.meaning, text)

    async def _follow(self, walk: ServiceWalk) -> None:
        """All pages of one list of services; what came until a page failed counts."""
        while (request := walk.request()) is not None:
            said = await self._outcome(request)
            if isinstance(said, GatewayError):
                return
            walk.take(said.head.status, said.body)

    async def _outcome(self, request: HttpRequest) -> "Said | GatewayError":
        try:
            return await self._asked(request)
        except GatewayError as error:
            return error

    async def _asked(self, request: HttpRequest, patience: float | None = None) -> Said:
        """Raises GatewayError."""
        work = ask_whole(self._upstream, request, self._provider.name)
        return Said(*await self._in_time(work, f"no answer to {request.method} {request.url}", patience))

    async def _in_time(self, work: Awaitable[T], what: str, patience: float | None = None) -> T:
        limit = self._patience if patience is None else patience
        try:
            async with asyncio.timeout(limit):
                return await work
        except TimeoutError:
            raise GatewayError(Kind.TIMEOUT, f"{what} within {limit:g} s") from None


def _has_endpoint(provider: DatabricksProvider, model: str) -> bool:
    return any(surface.name.startswith("serving") for surface in provider.surfaces(model))


def _milder(finding: Finding) -> Finding:
    return Finding(
        check=finding.check, state="warn", message=finding.message, problem=finding.problem, fix=finding.fix
    )
