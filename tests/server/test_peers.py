"""Whose program asks (proc(5), net/tcp)."""

import os
import socket

import pytest

from trunkline.server import peers

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:AC9B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 1671568 1
   1: 0100007F:0D80 0100007F:AC9B 01 00000000:00000000 00:00000000 00000000     8        0 1671569 1
   2: 0100007F:AC9B 0100007F:0D80 01 00000000:00000000 00:00000000 00000000  1000        0 1671570 1
 bad line
"""


def test_the_row_of_the_clients_own_end_counts() -> None:
    assert peers.owner_in(TABLE, "0100007F:AC9B") == 1000
    assert peers.owner_in(TABLE, "0100007F:0D80") == 8
    assert peers.owner_in(TABLE, "0100007F:0001") is None
    assert peers.owner_in("", "0100007F:0001") is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_socket_of_ours_is_ours(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError:  # a machine without IPv6
        return
    with server, socket.create_connection(server.getsockname()[:2]) as client:
        address, port = client.getsockname()[:2]
        assert peers.owner_of(address, port) in (os.getuid(), None)
        assert peers.is_ours(address, port)


def test_others_are_told_from_root_and_from_nobody_knows_who(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, ours in ((os.getuid(), True), (0, True), (None, True), (4_000_000, False)):
        monkeypatch.setattr(peers, "owner_of", lambda address, port, owner=owner: owner)
        assert peers.is_ours("127.0.0.1", 1) is ours
