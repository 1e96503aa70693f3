"""A local HTTP server in a thread, whose answers one object decides."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """One request as it came; `query` has the first value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body) if self.body else None


@dataclass
class Answer:
    """What goes back; `cut` bytes of the body are kept back though they are promised."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0


def json_answer(value, status=200, headers=None):
    return Answer(
        status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})}
    )


class Server(ThreadingHTTPServer):
    """Gives every request to `answer` and keeps it in `asked`."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked = []

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def _do(self):
        address = urlsplit(self.path)
        request = Request(
            self.command,
            address.path,
            {name: values[0] for name, values in parse_qs(address.query).items()},
            dict(self.headers),
            self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        self.server.asked.append(request)
        answer = self.server.answer(request)
        self.send_response(answer.status)
        if "Transfer-Encoding" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) - answer.cut])

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _do

    def log_message(self, *args):
        pass


@contextmanager
def serving(answer) -> Iterator[Server]:
    server = Server(answer)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
