"""No interrupt is lost.

Python calls handlers of signals wherever its main thread happens to be. Where that is the callback
of a weak reference, a `__del__` or compiled code that passes no errors on, the exception of the
handler is printed and dropped, and a Ctrl-C has done nothing: a run that somebody wanted to end
goes on, and its instance with it. `sys.unraisablehook` is told of each such exception; an
interrupt among them is sent again a moment later, when the main thread has left that place.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_AGAIN_S = 0.02


@contextmanager
def interrupts_kept(*also: type[BaseException]) -> Iterator[None]:
    """Raise again, by SIGINT, an interrupt that Python could only print; others are passed on.

    Args:
        also: what handlers of signals raise besides KeyboardInterrupt. Not any BaseException is
            an interrupt: a panic of compiled code is none, nor is a task's cancellation.

    Source: https://docs.python.org/3/library/sys.html#sys.unraisablehook
    """
    before = sys.unraisablehook
    sent: list[threading.Timer] = []

    def hook(seen: "sys.UnraisableHookArgs") -> None:
        if not issubclass(seen.exc_type, (KeyboardInterrupt, *also)):
            before(seen)
            return
        again = threading.Timer(_AGAIN_S, _interrupt_main_thread)
        again.daemon = True
        again.start()
        sent.append(again)

    sys.unraisablehook = hook
    try:
        yield
        for each in sent:  # one on its way belongs to this work, not to whatever comes after
            each.join()
    finally:
        sys.unraisablehook = before


def _interrupt_main_thread() -> None:
    """Send this process SIGINT on its main thread, so that a wait there ends too."""
    main = threading.main_thread()
    if main.is_alive() and main.ident is not None:
        signal.pthread_kill(main.ident, signal.SIGINT)
