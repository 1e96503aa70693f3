"""A real S3 server for the tests: SeaweedFS, on a loopback address of this machine alone.

`seaweed` is one server per test process, `bucket` a fresh bucket on it. A test that kills its
server makes one of its own with `Seaweed(folder)`.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pipeline_project.adapters.aws_errors import patiently
from pipeline_project.adapters.aws_session import AwsAccess, AwsSession
from pipeline_project.errors import TransientError

REGION = "eu-west-1"
KEY_ID, SECRET = "AKSEAWEEDTEST", "seaweed-secret-of-the-tests"
_GRPC = 10_000  # the server's own distance between a port and its gRPC port
_START_S = 60.0
# Asks the kernel to end the server when the tests are killed (1 is PR_SET_PDEATHSIG).
_DIE_WITH_PARENT = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Ended(RuntimeError):
    """The server ended by itself."""


class Seaweed:
    """One server and its folder; `start` again after `kill` finds the same objects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._host = _own_host()
        self._ports = _free_ports(self._host, 4)
        self._process: subprocess.Popen | None = None

    @property
    def endpoint_url(self) -> str:
        return f"http://{self._host}:{self._ports[3]}"

    @property
    def access(self) -> AwsAccess:
        return AwsAccess(region=REGION, endpoint_urls={"s3": self.endpoint_url})

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 needs in a process of its own to find this server, and nothing else."""
        return {**account(self.folder), "AWS_ENDPOINT_URL_S3": self.endpoint_url}

    def session(self, **options: object) -> AwsSession:
        return AwsSession(self.access, **options)  # type: ignore[arg-type]

    def start(self) -> None:
        master, volume, filer, s3 = self._ports
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        # By itself it makes 7 volumes for a new bucket, as many as there is disk for: on a machine
        # whose disk is nearly full some test's bucket takes nothing (500, InternalError).
        (self.folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-c", _DIE_WITH_PARENT),
                    str(Path(sys.executable).parent / "weed"),
                    "server",
                    f"-dir={data}",
                    f"-ip={self._host}",
                    f"-ip.bind={self._host}",
                    f"-master.port={master}",
                    f"-volume.port={volume}",
                    f"-filer.port={filer}",
                    f"-s3.port={s3}",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    "-volume.max=10000",
                    "-volume.minFreeSpace=20MiB",
                    "-master.volumeSizeLimitMB=1024",
                    "-filer",
                    "-s3",
                    f"-s3.config={self.folder / 's3.json'}",
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        with environment(account(self.folder)):
            self._wait_ready()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for port in self._ports:
            for each in (port, port + _GRPC):
                for left in Path("/tmp").glob(f"seaweedfs-*-{each}.sock"):  # its own choice
                    left.unlink(missing_ok=True)

    def make_bucket(self) -> str:
        name = f"test-{secrets.token_hex(6)}"
        self.session().client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        return name

    def _wait_ready(self) -> None:
        """Wait until an object can be written, which is later than the first answer."""
        client = AwsSession(self.access, connect_timeout_s=2, read_timeout_s=5, attempts=1).client(
            "s3"
        )

        def write() -> None:
            if self._process is None or self._process.poll() is not None:
                raise Ended("weed ended: " + (self.folder / "weed.log").read_text()[-2000:])
            try:
                with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
                    client.create_bucket(Bucket="ready")
                client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            except Exception as error:
                raise TransientError(f"weed: {error}.") from error

        patiently(write, what="SeaweedFS", patience_s=_START_S, interval_s=0.2)


def account(folder: Path) -> dict[str, str]:
    """The tests' credentials, and nothing of whoever runs the tests."""
    return {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the time of the block, in place of every AWS_* there is.

    The `monkeypatch` of a test is older than a block in one of its fixtures, and is undone after
    it: what it sets inside is put back as the block had it. So set all of it here.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Seaweed]:
    """A server of one's own for the time of the block."""
    for left in reversed(range(3)):
        server = Seaweed(folder)
        try:
            server.start()
            break
        except Ended:  # somebody took one of its ports after all
            server.kill()
            if not left:
                raise
        except BaseException:
            server.kill()
            raise
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """One server for all tests of this process."""
    with running(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def seaweed(seaweed_server: Seaweed) -> Iterator[Seaweed]:
    """The server, with its account (not its address) in this process's environment."""
    with environment(account(seaweed_server.folder)):
        yield seaweed_server


@pytest.fixture
def bucket(seaweed: Seaweed) -> str:
    """A fresh bucket."""
    return seaweed.make_bucket()


def _own_host() -> str:
    """A loopback address that hardly anybody else on this machine binds or connects to.

    On 127.0.0.1 another process can take a port between the look and the server's start, or while
    a test has its server down. On Linux the whole of 127.0.0.0/8 is there without being set up.
    """
    if sys.platform != "linux":
        return "127.0.0.1"
    return "127." + ".".join(str(1 + secrets.randbelow(254)) for _ in range(3))


def _free_ports(host: str, count: int) -> list[int]:
    """Ports that are free now, and whose gRPC twins are; below those given to connections."""
    found: list[int] = []
    while len(found) < count:
        port = 10_000 + secrets.randbelow(12_000)
        try:
            for each in (port, port + _GRPC):
                for address in {host, "127.0.0.1"}:  # it listens on both
                    with socket.socket() as probe:
                        probe.bind((address, each))
        except OSError:
            continue
        found.append(port)
    return found
