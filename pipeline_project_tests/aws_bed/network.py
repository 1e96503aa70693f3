"""A TCP proxy that can lose the network: connections break and new ones are refused or hang."""

import contextlib
import socket
import threading
from typing import Literal


class Proxy:
    """Forwards a loopback port to `target`; `cut` loses the network, `mend` brings it back."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._mode: Literal["forward", "reset", "hang"] = "forward"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def cut(self, mode: Literal["reset", "hang"] = "reset") -> None:
        """Break every connection; new ones are reset, or accepted and never answered."""
        with self._lock:
            self._mode = mode
            broken = list(self._open)
        for each in broken:
            _close(each)

    def mend(self) -> None:
        with self._lock:
            self._mode = "forward"

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            with self._lock:
                mode = self._mode
                if mode != "reset":
                    self._open.add(client)
            if mode == "reset":
                _close(client)
            elif mode == "forward":
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            return _close(client)
        with self._lock:
            self._open.add(server)
        threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
        self._pump(server, client)
        with self._lock:
            self._open -= {client, server}

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            pass  # either side broke; both are closed below
        _close(source)
        _close(sink)


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        each.shutdown(socket.SHUT_RDWR)
    each.close()
