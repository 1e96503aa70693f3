"""The instance metadata address (IMDSv2): a token first, then the spot notice and the tags."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "AQAAANjUxiZtest-token"
NOTICE = "/latest/meta-data/spot/instance-action"
TAGS = "/latest/meta-data/tags/instance"


class Metadata:
    """`announce` makes the notice appear; without it the path is a 404, as on AWS.

    Attributes:
        tags: of the instance; None where `InstanceMetadataTags` is off, which is a 404 too.
    """

    def __init__(self) -> None:
        self.notice: dict[str, str] | None = None
        self.tags: dict[str, str] | None = None
        self.asked = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def announce(self, action: str = "terminate", time: str = "2030-01-01T00:02:00Z") -> None:
        self.notice = {"action": action, "time": time}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _tag(self, name: str) -> tuple[int, str]:
        tags = self.tags or {}
        if not name:
            return 200, "\n".join(tags)
        return (200, tags[name]) if name in tags else (404, "Not Found")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                wanted = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
                right = self.path == "/latest/api/token" and wanted
                self._answer(200, TOKEN) if right else self._answer(400, "Bad Request")

            def do_GET(self) -> None:
                if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                    return self._answer(401, "Unauthorized")
                if self.path.startswith(TAGS) and metadata.tags is not None:
                    return self._answer(*metadata._tag(self.path.removeprefix(TAGS).strip("/")))
                if self.path != NOTICE:
                    return self._answer(404, "Not Found")
                metadata.asked += 1
                if metadata.notice is None:
                    return self._answer(404, "Not Found")
                return self._answer(200, json.dumps(metadata.notice))

            def _answer(self, status: int, body: str) -> None:
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                return

        return Handler
