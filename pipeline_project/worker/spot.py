"""The notice that AWS takes a spot instance back, about two minutes ahead.

It appears at the instance's metadata address. The worker then ends itself, keeping what is done,
and the run fails with words that say so; the next run goes on from there.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable

NOTICE = "/latest/meta-data/spot/instance-action"
INTERVAL_S = 5.0  # as AWS recommends
_TOKEN = "/latest/api/token"
_TOKEN_S = 300
_TIMEOUT_S = 2.0


class SpotWatch:
    """Looks for the notice in a thread; `notice` holds its words once it was seen.

    Args:
        address: of the metadata service, `http://169.254.169.254`.
        act: called once, in the thread, when the notice is there.
        interval_s: seconds between looks.
    """

    def __init__(
        self, address: str, act: Callable[[], None], interval_s: float = INTERVAL_S
    ) -> None:
        self.notice: str | None = None
        self._address = address.rstrip("/")
        self._act = act
        self._interval_s = interval_s
        self._stopped = threading.Event()

    def start(self) -> "SpotWatch":
        """Begin to look."""
        threading.Thread(target=self._watch, daemon=True, name="spot-watch").start()
        return self

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def look(self) -> str | None:
        """Look once; None while there is no notice, or nobody to ask."""
        # An empty handler: metadata are never asked for through a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_S)}
        ask = urllib.request.Request(self._address + _TOKEN, method="PUT", headers=lifetime)
        try:
            with opener.open(ask, timeout=_TIMEOUT_S) as answer:
                token = answer.read().decode("ascii")
            look = urllib.request.Request(
                self._address + NOTICE, headers={"X-aws-ec2-metadata-token": token}
            )
            with opener.open(look, timeout=_TIMEOUT_S) as answer:
                said = json.loads(answer.read())
            return f"{said['action']} at {said['time']}"
        except (OSError, ValueError, KeyError, TypeError):
            return None  # 404: no notice; or not on EC2, or the service is slow: asked again

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self.notice = self.look()
            if self.notice is not None:
                self._act()
                return
            self._stopped.wait(self._interval_s)
