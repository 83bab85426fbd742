"""A client of administration, which remembers all it was ever told."""

import http.client
import json
from collections.abc import Mapping

CANARY = "sk-CANARY-4f9a77d1c3"
ADMIN = {"x-api-key": CANARY + "admin"}


class Client:
    """Asks the gateway; everything it ever answered is kept."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.said = ""

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            data = answer.read()
            self.said += data.decode() + str(answer.headers)
            return answer.status, data
        finally:
            connection.close()

    def __call__(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, object]:
        status, data = self.raw(method, path, None if body is None else json.dumps(body).encode(), headers)
        return status, json.loads(data)
