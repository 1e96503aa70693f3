import io
import os
import pty
import threading
from pathlib import Path

from pipeline_project.cli.console import TerminalProgress, printable, shown


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def plain(clock: Clock) -> tuple[io.StringIO, TerminalProgress]:
    stream = io.StringIO()
    return stream, TerminalProgress(stream, every_s=5.0, clock=clock)


def test_elsewhere_than_on_a_terminal_a_stage_tells_now_and_then_and_at_its_end():
    clock = Clock()
    stream, progress = plain(clock)
    with progress:
        for done in range(1, 101):
            clock.now = done / 10
            progress.update("frames", done, 100, "frames", "")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "frames: 1 of 100 frames"
    assert lines[-1] == "frames: 100 of 100 frames"
    assert len(lines) == 3


def test_stages_tell_independently():
    stream, progress = plain(Clock())
    progress.update("one", 1, None, "files", "a.mp4")
    progress.update("two", 1, 2, "files", "")
    assert stream.getvalue().splitlines() == ["one: 1 files a.mp4", "two: 1 of 2 files"]


def test_a_name_cannot_break_the_line():
    stream, progress = plain(Clock())
    progress.update("one", 1, 1, "files", "a\nb\x1b[2J")
    progress.say("c\x1b[2J")
    assert stream.getvalue().splitlines() == [r"one: 1 of 1 files a\nb\x1b[2J", r"c\x1b[2J"]


def test_on_a_terminal_each_stage_has_a_bar_and_lines_stand_above(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    leader, follower = pty.openpty()
    seen = bytearray()

    def read() -> None:
        while b"\x04" not in seen:
            seen.extend(os.read(leader, 65536))

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(follower, "w") as stream:
        progress = TerminalProgress(stream)
        with progress:
            progress.say("before [any] bar")
            progress.update("frames", 3, 10, "frames", "[red]a.mp4")
            progress.update("write", 1, None, "files", "")
            progress.say("between [the] bars")
        progress.stop()
        stream.write("\x04")
    reader.join(10)
    os.close(leader)
    text = seen.decode()
    assert "before [any] bar" in text and "between [the] bars" in text
    assert "3 of 10 frames" in text and "[red]a.mp4" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is shown again


def test_threads_may_tell_at_once():
    stream, progress = plain(Clock())
    threads = [
        threading.Thread(target=progress.update, args=(f"stage {n}", 1, 1, "files", ""))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(stream.getvalue().splitlines())) == 20


def test_what_a_terminal_would_obey_is_escaped_and_the_rest_is_kept():
    assert printable("ü – 日本\n") == "ü – 日本\n"
    assert printable("\x1b[31m\udcff\u202e") == r"\x1b[31m\udcff\u202e"
    assert shown(Path("a\nb\udcff.jpg")) == r"a\nb\xff.jpg"
