"""Answers as the Lightly service does to its own client, as far as a run needs it.

The state lies in plain attributes; `states` is what a run goes through, one per look at it.
`faults` holds (method, end of the path, answer) that are given before the true ones, each once.
"""

import re
import time
from contextlib import contextmanager
from urllib.parse import unquote

from pipeline_project_tests.stand_ins.http import Answer, json_answer, serving

TOKEN = "f00dfeed1234567890abcdef"
_NOW = 1_700_000_000_000


def object_id(number):
    return f"{number:024x}"


class Lightly:
    def __init__(self):
        self.datasets = {}
        self.datasources = {}
        self.configs = {}
        self.scheduled = {}
        self.workers = {}
        self.states = ["OPEN", "LOADING_DATASET", "SAMPLING", "COMPLETED"]
        self.message = "as told by the worker"
        self.names = []
        self.artifacts = {}
        self.faults = []
        self.base = ""
        self._ids = 0

    def __call__(self, request):
        for fault in self.faults:
            method, path, answer = fault
            if request.method == method and request.path.endswith(path):
                self.faults.remove(fault)
                return answer
        if request.path.startswith("/artifacts/"):
            return Answer(200, self.artifacts[request.path.removeprefix("/artifacts/")])
        if request.path.startswith("/stand-in/idle/"):  # what the worker itself would say
            self.workers[request.path.rpartition("/")[2]]["state"] = "IDLE"
            return Answer(200)
        if request.query.get("token") != TOKEN:
            return json_answer({"code": "UNAUTHORIZED", "error": "Invalid token"}, 401)
        for method, pattern, answer in _ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return answer(self, request, *match.groups())
        return json_answer({"code": "NOT_FOUND", "error": f"no route {request.path}"}, 404)

    def new_id(self):
        self._ids += 1
        return object_id(self._ids)

    def minimum_version(self, request):
        return json_answer("1.2.0")

    def find_datasets(self, request, name):
        return json_answer([d for d in self.datasets.values() if d["name"] == unquote(name)])

    def make_dataset(self, request):
        body = request.json()
        dataset_id = self.new_id()
        self.datasets[dataset_id] = {
            "id": dataset_id,
            "name": body["name"],
            "userId": "user-1",
            "type": body["type"],
            "nSamples": 0,
            "sizeInBytes": 0,
            "createdAt": _NOW,
            "lastModifiedAt": _NOW,
        }
        return json_answer({"id": dataset_id}, 201)

    def get_dataset(self, request, dataset_id):
        return self._found(self.datasets.get(dataset_id))

    def set_datasource(self, request, dataset_id):
        body = request.json()
        self.datasources[dataset_id, body["purpose"]] = body
        return Answer(200)

    def make_config(self, request):
        config_id = self.new_id()
        self.configs[config_id] = request.json()["config"]
        return json_answer({"id": config_id}, 201)

    def schedule(self, request, dataset_id):
        body = request.json()
        scheduled_id = self.new_id()
        self.scheduled[scheduled_id] = {
            "dataset": dataset_id,
            "config": body["configId"],
            "runs_on": body.get("runsOn", []),
            "state": self.states[0],
            "next": list(self.states),
            "run": self.new_id(),
        }
        return json_answer({"id": scheduled_id}, 201)

    def list_scheduled(self, request, dataset_id):
        return json_answer(
            [
                {
                    "id": scheduled_id,
                    "datasetId": dataset_id,
                    "configId": each["config"],
                    "priority": "MID",
                    "runsOn": each["runs_on"],
                    "state": {"OPEN": "OPEN", "CANCELED": "CANCELED"}.get(each["state"], "LOCKED"),
                    "createdAt": _NOW,
                    "lastModifiedAt": _NOW,
                }
                for scheduled_id, each in self.scheduled.items()
                if each["dataset"] == dataset_id
            ]
        )

    def cancel(self, request, dataset_id, scheduled_id):
        each = self.scheduled[scheduled_id]
        if each["state"] != "OPEN":
            return json_answer({"code": "BAD_REQUEST", "error": "its state is not OPEN"}, 400)
        each["state"], each["next"] = "CANCELED", ["CANCELED"]
        return Answer(200)

    def get_run(self, request, scheduled_id):
        each = self.scheduled.get(scheduled_id)
        if each:
            each["state"] = each["next"].pop(0) if len(each["next"]) > 1 else each["next"][0]
        state = each["state"] if each else "OPEN"
        if state in ("OPEN", "CANCELED"):
            return json_answer({"code": "NOT_FOUND", "error": "no such run"}, 404)
        artifacts = [
            {
                "id": object_id(1000 + number),
                "type": _ARTIFACTS.get(name, "LOG"),
                "fileName": name,
                "createdAt": _NOW,
            }
            for number, name in enumerate(self.artifacts)
        ]
        return json_answer(
            {
                "id": each["run"],
                "userId": "user-1",
                "dockerVersion": "3.0.0",
                "state": state,
                "datasetId": each["dataset"],
                "configId": each["config"],
                "scheduledId": scheduled_id,
                "createdAt": _NOW,
                "lastModifiedAt": _NOW,
                "message": self.message,
                "artifacts": artifacts,
            }
        )

    def run_tags(self, request, run_id):
        (dataset,) = [e["dataset"] for e in self.scheduled.values() if e["run"] == run_id]
        tag = {
            "id": object_id(77),
            "datasetId": dataset,
            "prevTagId": None,
            "name": "initial-tag",
            "bitMaskData": "0x1",
            "totSize": len(self.names),
            "createdAt": _NOW,
            "runId": run_id,
        }
        return json_answer([tag] if self.names else [])

    def export(self, request, dataset_id, tag_id):
        first = int(request.query.get("pageOffset", 0))
        page = self.names[first : first + int(request.query.get("pageSize", 5000))]
        return Answer(200, "\n".join(page).encode(), {"Content-Type": "text/plain"})

    def read_url(self, request, run_id, artifact_id):
        name = list(self.artifacts)[int(artifact_id, 16) - 1000]
        return json_answer(f"{self.base}/artifacts/{name}?signature=s3cret")

    def list_workers(self, request):
        return json_answer(list(self.workers.values()))

    def register_worker(self, request):
        body = request.json()
        for each in self.workers.values():
            if each["name"] == body["name"]:
                return json_answer({"id": each["id"]}, 201)
        return json_answer({"id": self.add_worker(body["name"], body["labels"])}, 201)

    def add_worker(self, name, labels=(), state="OFFLINE"):
        worker_id = self.new_id()
        self.workers[worker_id] = {
            "id": worker_id,
            "userId": "user-1",
            "name": name,
            "workerType": "FULL",
            "state": state,
            "createdAt": _NOW,
            "lastModifiedAt": _NOW,
            "labels": list(labels),
        }
        return worker_id

    def _found(self, value):
        return json_answer(value) if value else json_answer({"error": "not there"}, 404)


_ARTIFACTS = {
    "report.pdf": "REPORT_PDF",
    "report_v2.json": "REPORT_V2_JSON",
    "log.txt": "LOG",
    "sequence_information.json": "SEQUENCE_INFORMATION",
    "epoch.ckpt": "CHECKPOINT",
}
_ID = "([a-f0-9]{24})"
_ROUTES = [
    ("GET", "/v1/versions/pip/minimum", Lightly.minimum_version),
    ("GET", "/v1/datasets/query/name/([^/]+)", Lightly.find_datasets),
    ("POST", "/v1/datasets", Lightly.make_dataset),
    ("GET", f"/v1/datasets/{_ID}", Lightly.get_dataset),
    ("PUT", f"/v1/datasets/{_ID}/datasource", Lightly.set_datasource),
    ("POST", "/v1/docker/worker/config/vX", Lightly.make_config),
    ("POST", f"/v1/datasets/{_ID}/docker/worker/schedule", Lightly.schedule),
    ("GET", f"/v1/datasets/{_ID}/docker/worker/schedule", Lightly.list_scheduled),
    ("PUT", f"/v1/datasets/{_ID}/docker/worker/schedule/{_ID}", Lightly.cancel),
    ("GET", f"/v1/docker/runs/schedule/{_ID}", Lightly.get_run),
    ("GET", f"/v1/docker/runs/{_ID}/tags", Lightly.run_tags),
    ("GET", f"/v1/datasets/{_ID}/tags/{_ID}/export/basic/filenames", Lightly.export),
    ("GET", f"/v1/docker/runs/{_ID}/artifacts/{_ID}/readurl", Lightly.read_url),
    ("GET", "/v1/docker/worker", Lightly.list_workers),
    ("POST", "/v1/docker/worker", Lightly.register_worker),
]


@contextmanager
def lightly():
    """Serve; gives the `Lightly` with its `server`."""
    service = Lightly()
    with serving(service) as server:
        service.base = server.base
        service.server = server
        yield service


if __name__ == "__main__":
    with lightly() as service:
        service.add_worker("a worker", state="IDLE")
        print(f"LIGHTLY_TOKEN={TOKEN} LIGHTLY_SERVER_LOCATION={service.base}", flush=True)
        while True:
            time.sleep(3600)
