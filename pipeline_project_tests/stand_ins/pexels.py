"""Answers as the Pexels API and the hosts of its files do; the shapes are those of its documents.

`Pexels.faults` holds answers that are given before the true ones, one per request. Start it by
hand to try the command line: `python -m pipeline_project_tests.stand_ins.pexels VIDEO.mp4`.
"""

import hashlib
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from pipeline_project_tests.stand_ins.http import Answer, json_answer, serving

KEY = "abcDEF123456"
VIDEO = b"an mp4 " * 40_000
SIZES = ((426, 240), (960, 540), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))


class Pexels:
    """`total` videos match every query; `durations` and `shapes` say what is odd about some."""

    def __init__(self, total=200, video=VIDEO):
        self.total = total
        self.video = video
        self.duration_s = {}
        self.own_size = {}
        self.faults = []
        self.file_faults = []
        self.headers = {"X-Ratelimit-Limit": "20000", "X-Ratelimit-Remaining": "19999"}
        self.base = ""
        self.file_base = ""

    def __call__(self, request):
        if request.path.startswith("/video-files/"):
            return self._file(request)
        if self.faults:
            return self.faults.pop(0)
        if request.headers.get("Authorization") != KEY:
            return json_answer({"status": 401, "code": "Unauthorized"}, 401)
        if request.path in ("/v1/videos/search", "/v1/videos/popular"):
            return json_answer(self._page(request), headers=self.headers)
        number = request.path.rpartition("/")[2]
        if request.path == f"/v1/videos/videos/{number}" and int(number) < self.total:
            return json_answer(self.entry(int(number)), headers=self.headers)
        return json_answer({"status": 404, "code": "Not Found"}, 404)

    def content(self, number):
        """The bytes of a video: no two are the same; an mp4 with a box that players skip."""
        return self.video + b"\0\0\0\x10free" + int(number).to_bytes(8, "big")

    def entry(self, number):
        width, height = self.own_size.get(number, (3840, 2160))
        return {
            "id": number,
            "width": width,
            "height": height,
            "duration": self.duration_s.get(number, 22),
            "full_res": None,
            "tags": [],
            "url": f"https://www.pexels.com/video/clip-{number}/",
            "image": f"https://images.pexels.com/videos/{number}/free-video.jpg",
            "avg_color": None,
            "user": {"id": number, "name": f"Maker {number}", "url": "https://www.pexels.com/@m"},
            "video_files": [
                {
                    "id": number * 100 + place,
                    "quality": "hd" if file_height >= 720 else "sd",
                    "file_type": "video/mp4",
                    "width": file_width,
                    "height": file_height,
                    "fps": 25.0,
                    "link": f"{self.file_base or self.base}/video-files/{number}/{file_height}.mp4",
                    "size": len(self.content(number)),
                }
                for place, (file_width, file_height) in enumerate(SIZES)
            ],
            "video_pictures": [{"id": 1, "nr": 0, "picture": "https://images.pexels.com/1.png"}],
        }

    def _page(self, request):
        page, per_page = int(request.query["page"]), int(request.query["per_page"])
        first = (page - 1) * per_page
        numbers = range(first, min(first + per_page, self.total))
        return {
            "page": page,
            "per_page": per_page,
            "total_results": self.total,
            "url": "https://www.pexels.com/search/videos/clip/",
            "videos": [self.entry(number) for number in numbers],
        }

    def _file(self, request):
        if self.file_faults:
            fault = self.file_faults.pop(0)
            if fault is not None:
                return fault
        body = self.content(request.path.split("/")[2])
        etag = _etag(body)
        headers = {"ETag": etag, "Content-Type": "video/mp4", "Accept-Ranges": "bytes"}
        span = request.headers.get("Range")
        if span and request.headers.get("If-Range") == etag:
            first = int(span.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
            return Answer(206, body[first:], headers)
        return Answer(200, body, headers)

    def cut(self, kept, number=1):
        """An answer that promises a whole file and breaks off after `kept` bytes."""
        body = self.content(number)
        return Answer(200, body, {"ETag": _etag(body)}, cut=len(body) - kept)


def _etag(body):
    return '"' + hashlib.md5(body).hexdigest() + '"'


@contextmanager
def pexels(total=200, video=VIDEO):
    """Serve; gives the `Pexels` with its `server`."""
    api = Pexels(total, video)
    with serving(api) as server:
        api.base = server.base
        api.server = server
        yield api


if __name__ == "__main__":
    with pexels(total=30, video=Path(sys.argv[1]).read_bytes()) as api:
        print(f"PEXELS_API_KEY={KEY} PIPELINE_PEXELS__API_URL={api.base}/v1", flush=True)
        while True:
            time.sleep(3600)
