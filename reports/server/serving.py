"""The thin shell around :mod:`reports.server.answers`: sockets of this machine's own address, GET and HEAD alone."""

import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Callable, Optional

from harness.text import printable
from reports.server.answers import Answer, answer, told
from reports.server.library import Library

LOOPBACK = "127.0.0.1"
#: After an answer: how long, and how much, is still read of what the other side goes on sending.
LINGER_S, LINGER_BYTES = 10.0, 1 << 20


class Server(socketserver.ThreadingMixIn, HTTPServer):  # Python 3.6 has no ThreadingHTTPServer
    """Serves the runs of ``library`` on the loopback address. Raises ``OSError`` where the port is taken."""

    daemon_threads = True

    def __init__(self, library: Library, port: int) -> None:
        super(Server, self).__init__((LOOPBACK, port), Handler)
        self.library = library
        self.one_at_a_time = threading.Lock()  # a page takes a core of a machine that may be measuring

    @property
    def port(self) -> int:
        """Return the port, also where any free one was asked for."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """Return what to open in a browser."""
        return "http://{}:{}/".format(LOOPBACK, self.port)

    def shutdown_request(self, request: Any) -> None:
        """Close, but not over bytes that nobody read: the other side would lose its answer to a reset."""
        try:
            request.shutdown(socket.SHUT_WR)
            _read_away(request, time.monotonic() + LINGER_S)
        except (OSError, ValueError):  # it is gone already, which is what was waited for
            pass
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away; anything else is a fault of this program."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, OSError)):
            super(Server, self).handle_error(request, client_address)


def _read_away(link: Any, deadline: float) -> None:
    """Read from the socket ``link`` until its other end says no more, time is up or it is too much."""
    count = 0
    while count < LINGER_BYTES:
        link.settimeout(max(deadline - time.monotonic(), 0.001))
        got = len(link.recv(65536))
        if not got:
            return
        count += got


class Handler(BaseHTTPRequestHandler):
    """One request; what asks for a change is refused whatever it is called."""

    server: Server
    server_version, sys_version = "edge-transform-bench", ""
    timeout = 10.0

    def do_GET(self) -> None:
        """Answer with the page."""
        self._send(self._answer(), True)

    def do_HEAD(self) -> None:
        """Answer with what GET would send before the page."""
        self._send(self._answer(), False)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self._send(told(405, "Nothing can be changed here: GET and HEAD alone.", ("Allow", "GET, HEAD")), True)

    def _answer(self) -> Answer:
        with self.server.one_at_a_time:
            return answer(self.server.library, self.path, self.headers.get("Host"))

    def _send(self, what: Answer, body: bool) -> None:
        self.send_response(what.status)
        for name, value in what.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(what.body)))
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        if body:
            self.wfile.write(what.body)

    def send_error(self, code: int, message: Optional[str] = None, explain: Optional[str] = None) -> None:
        """Answer what is no request at all in one sentence; nothing of it is repeated."""
        if not hasattr(self, "request_version") or self.request_version == "HTTP/0.9":
            self.request_version = self.protocol_version
        self._send(told(int(code), "This is no request that is understood here."), True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has
        """Say what was refused; a page that loads itself again every few seconds is no news."""
        status = str(args[1]) if len(args) > 1 else ""
        if not status.startswith("2"):
            sys.stderr.write(printable("{}\n".format(format % args), keep="\n"))
