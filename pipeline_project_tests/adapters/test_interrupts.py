"""An interrupt that Python drops is raised again; everything else is as before."""

import signal
import subprocess
import sys
import textwrap
import time
import weakref
from asyncio import CancelledError

import pytest

from pipeline_project.adapters.interrupts import interrupts_kept


class Referent:
    """Something that can be referred to weakly."""


def interrupt_within_a_callback(error):
    """Let `error` be raised where Python can only print it."""

    def called_back(_):
        raise error

    referent = Referent()
    reference = weakref.ref(referent, called_back)
    del referent
    return reference


class OtherInterrupt(BaseException):
    """As Dagster's, which is no KeyboardInterrupt."""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OtherInterrupt()])
def test_an_interrupt_within_a_callback_ends_the_wait_that_follows(error):
    started_at = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interrupts_kept(OtherInterrupt):
        interrupt_within_a_callback(error)
        time.sleep(30)
    assert time.monotonic() - started_at < 10


def test_an_interrupt_at_the_very_end_still_belongs_to_the_work():
    with pytest.raises(KeyboardInterrupt), interrupts_kept():
        interrupt_within_a_callback(KeyboardInterrupt())


@pytest.mark.parametrize(
    "error",
    [ValueError("told"), SystemExit(3), GeneratorExit(), CancelledError(), OtherInterrupt()],
)
def test_what_is_no_interrupt_is_told_as_before(monkeypatch, error):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda seen: told.append(seen.exc_value))
    with interrupts_kept():
        interrupt_within_a_callback(error)
        time.sleep(0.1)
    assert told == [error]


def test_the_hook_that_was_there_comes_back_also_after_an_interrupt():
    before = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), interrupts_kept():
        raise KeyboardInterrupt
    assert sys.unraisablehook is before


def test_one_ctrl_c_ends_a_program_that_is_in_callbacks_half_of_its_time():
    program = """
        import time, weakref
        from pipeline_project.adapters.interrupts import interrupts_kept

        class Referent: pass

        def called_back(_):
            until = time.monotonic() + 0.007
            while time.monotonic() < until: pass

        print("ready", flush=True)
        with interrupts_kept():
            for _ in range(3000):
                referent = Referent()
                reference = weakref.ref(referent, called_back)
                del referent
                called_back(None)
            print("never ended")
    """
    run = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert run.stdout.readline() == "ready\n"
        time.sleep(0.3)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=90)
    finally:
        run.kill()
    assert run.returncode == -signal.SIGINT, err
    assert "KeyboardInterrupt" in err and out == ""
