"""A TCP port in front of a PostgreSQL that listens on a socket file which only its own user may open."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import make_url


@contextmanager
def over_tcp(url: str) -> Iterator[str]:
    """The same database under a URL with host and port, as processes of other users need it."""
    parsed = make_url(url)
    folder = parsed.query.get("host")
    if parsed.host or not isinstance(folder, str):
        yield url
        return
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _joined_to(f"{folder}/.s.PGSQL.5432")) as server:
        threading.Thread(target=server.serve_forever).start()
        reached = parsed.set(host="127.0.0.1", port=server.server_address[1], query={})
        try:
            yield reached.render_as_string(hide_password=False)
        finally:
            server.shutdown()


def _joined_to(path: str) -> type[socketserver.BaseRequestHandler]:
    class Joined(socketserver.BaseRequestHandler):
        """One connection, handed on in both directions until both ends have had enough."""

        def handle(self) -> None:
            """Called in a thread of its own."""
            with socket.socket(socket.AF_UNIX) as far:
                far.connect(path)
                back = threading.Thread(target=_copy, args=(far, self.request))
                back.start()
                _copy(self.request, far)
                back.join()

    return Joined


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # an end that went away has had enough, too
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
