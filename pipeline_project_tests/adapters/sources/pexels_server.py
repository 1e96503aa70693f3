"""A local HTTP server that answers as the Pexels API does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY = "abcDEF123456"
VIDEO = b"an mp4 " * 1000


def entry(number, base, widths=(640, 1920, 3840)):
    return {
        "id": number,
        "url": f"https://www.pexels.com/video/{number}/",
        "user": {"name": f"Maker {number}", "url": "https://www.pexels.com/@maker"},
        "video_files": [
            {"id": w, "file_type": "video/mp4", "width": w, "link": f"{base}/file/{number}/{w}"}
            for w in widths
        ],
    }


class Api(ThreadingHTTPServer):
    """Answers searches over `total` videos; `status` and `body` replace the answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.total = 200
        self.status = 200
        self.body = None
        self.file_status = 200
        self.cut = 0
        self.asked = []

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        api = self.server
        address = urlsplit(self.path)
        api.asked.append((self.path, self.headers.get("Authorization")))
        if address.path.startswith("/file/"):
            status = 404 if address.path.startswith("/file/gone") else api.file_status
            self.answer(status, VIDEO, len(VIDEO) + api.cut)
        elif self.headers.get("Authorization") != KEY:
            self.answer(401, b"{}")
        else:
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            first = (int(query["page"]) - 1) * int(query["per_page"])
            numbers = range(first, min(first + int(query["per_page"]), api.total))
            page = {
                "total_results": api.total,
                "videos": [entry(number, api.base) for number in numbers],
            }
            self.answer(api.status, json.dumps(page).encode() if api.body is None else api.body)

    def answer(self, status, body, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("X-Ratelimit-Reset", "1900000000")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def serving() -> Iterator[Api]:
    server = Api()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
