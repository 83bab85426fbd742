"""What the ``PROXY_BACKEND`` proxy's health says of its backend. Pure: lists and a table in, plain values out."""

from collections.abc import Collection

from msgspec import Struct

from trunkline.app.discovery import Listing
from trunkline.app.words import REFUSED_TOKEN
from trunkline.config.proxy_backend.reader import AZURE, MISSING
from trunkline.config.schema import ProxyBackend
from trunkline.core.errors import Kind
from trunkline.routing.table import RoutingTable

Fields = dict[str, object]


def backend_name(proxy: ProxyBackend) -> str:
    """The provider that serves the backend's requests."""
    return "databricks" if proxy.backend == AZURE else "openrouter"


class Backend(Struct, frozen=True):
    """The backend as far as it is known. ``configured``: there is what it takes to ask it."""

    proxy: ProxyBackend
    configured: bool
    listing: Listing | None
    """What it last said when it was asked for its models; None: it has not been asked yet."""
    table: RoutingTable

    def summary(self) -> Fields:
        """What ``/health`` says of it."""
        return {"backend": self.proxy.backend, self._section: self._state() | self._workspace}

    def details(self) -> Fields:
        """What ``/health/detailed`` says, the word for all of it included; the guide's form."""
        found = self._state()
        if self._azure and self.configured and self.listing is not None:
            endpoints = self._endpoints(self.listing)
            if self.listing.error is None:
                found["status"] = _word(endpoints.values())
            found["endpoints"] = endpoints
        environment: Fields = {"environment": self.proxy.environment} if self.proxy.environment else {}
        status: Fields = {"status": found["status"], "backend": self.proxy.backend}
        return {**status, self._section: found | self._workspace, **environment}

    @property
    def _azure(self) -> bool:
        return self.proxy.backend == AZURE

    @property
    def _section(self) -> str:
        return "azure_databricks" if self._azure else "openrouter"

    @property
    def _workspace(self) -> Fields:
        return {"workspace": self.proxy.workspace} if self._azure else {}

    def _state(self) -> Fields:
        if self._azure and not self.configured:
            return {"status": "misconfigured", "message": MISSING}
        if self.listing is None:
            return {"status": "unknown"}
        error = self.listing.error
        if error is None:
            return {"status": "healthy"}
        if error.kind is Kind.PERMISSION:  # the workspace is there; what it may list is another matter
            return {"status": "healthy", "message": error.message}
        refused = self._azure and error.kind is Kind.AUTHENTICATION
        return {"status": "unhealthy", "message": REFUSED_TOKEN if refused else error.message}

    def _endpoints(self, listing: Listing) -> dict[str, str]:
        """``available`` where requests for it reach a model that is there."""
        names = [name for name, _ in self.proxy.endpoints]
        if listing.error is not None:
            word = "unknown" if listing.error.kind is Kind.PERMISSION else "unavailable"
            return dict.fromkeys(names, word)
        there = {model.id.casefold() for model in listing.models}
        words: dict[str, str] = {}
        for name in names:
            alias = self.table.aliases.get(name)
            reached = alias is not None and alias.targets[0].deployment.casefold() in there
            words[name] = "available" if reached else "unavailable"
        return words


def _word(endpoints: Collection[str]) -> str:
    if "unavailable" not in endpoints:
        return "healthy"
    return "degraded" if "available" in endpoints else "unhealthy"
