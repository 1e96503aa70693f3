"""Still images as commands take them: listed from PATHs, decoded, several at once, in order."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline_project.cli.console import say, shown
from pipeline_project.errors import ConfigError, MediaError, MediaTooSmall

if TYPE_CHECKING:
    from pipeline_project.adapters.media.base import MediaReader, OpenMedia
    from pipeline_project.adapters.media.images import OpenImage
    from pipeline_project.core.quality.picture import Picture
    from pipeline_project.core.records import Pixels

Result = TypeVar("Result")


def list_pictures(paths: Sequence[Path]) -> list[Path]:
    """Give every named file, and the media files below every named folder in order of path.

    A named file is listed whatever it is; if it cannot be used, reading it says why.

    Raises:
        ConfigError: none of the paths exists, or there is nothing below them.
    """
    from pipeline_project.adapters.addresses import path_of
    from pipeline_project.adapters.sources.folder import FolderSource

    if not any(path.expanduser().exists() for path in paths):
        raise ConfigError(
            f"Looking for {', '.join(shown(path) for path in paths[:5])}: there is no such file or "
            "folder. Check the path."
        )
    listed: list[Path] = []
    for path in paths:
        if not path.expanduser().is_dir():
            listed.append(path.expanduser())
            continue
        folder = path.expanduser()
        source = FolderSource(folder)
        refs = source.list()
        found = sorted(folder / path_of(ref.uri).relative_to(folder.absolute()) for ref in refs)
        if not found:
            say(f"No images below {shown(path)}; {source.ignored} other files ignored.")
        listed += found
    if not listed:
        raise ConfigError("There is nothing to read. Name image files, or folders that hold some.")
    return listed


def read_picture(reader: "MediaReader", path: Path, min_side_px: int) -> "Pixels":
    """Decode one image: (height, width, 3), uint8, RGB, upright.

    Raises:
        MediaError: it is no image, cannot be decoded, or is smaller than the measures need.
    """
    with reader.open(path) as media:
        return _checked(media, path, min_side_px).frame_at(0).pixels


def read_for_measures(
    reader: "MediaReader", path: Path, min_side_px: int, *, colour: bool
) -> "Picture":
    """Decode one image for the measures, to gray alone where `colour` is not asked for.

    The gray is that of `OpenImage.gray` either way, so that no gray measure depends on whether
    one of colour is taken too; a JPEG with colour is decoded twice for that.

    Raises:
        MediaError: as `read_picture`.
    """
    from pipeline_project.core.quality.picture import Picture

    with reader.open(path) as media:
        image = _checked(media, path, min_side_px)
        if not colour:
            return Picture.of_gray(image.gray())
        pixels = image.frame_at(0).pixels
        if image.info.codec != "jpeg":
            return Picture.of_rgb(pixels)
        return Picture(image.gray(), pixels)


def _checked(media: "OpenMedia", path: Path, min_side_px: int) -> "OpenImage":
    from pipeline_project.adapters.media.images import OpenImage

    info = media.info
    if not isinstance(media, OpenImage):
        raise MediaError(
            f"Reading {path}: it is a video, and this command takes images. "
            "`pipeline curate` samples, scores and embeds the frames of videos."
        )
    if min(info.width_px, info.height_px) < min_side_px:
        raise MediaTooSmall(
            f"Reading {path}: it has {info.width_px}x{info.height_px} px; the least side is "
            f"{min_side_px} px (quality.min_side_px)."
        )
    return media


def in_order(
    function: Callable[[Path], Result], paths: Sequence[Path], threads: int
) -> Generator[Result, None, None]:
    """Yield `function(path)` for every path, in order, several worked on at once.

    At most two results per thread exist at any moment. Closing the iterator ends the work.
    """
    yield from in_order_by_chunks(lambda chunk: [function(chunk[0])], paths, threads, chunk=1)


def in_order_by_chunks(
    function: Callable[[Sequence[Path]], Sequence[Result]],
    paths: Sequence[Path],
    threads: int,
    *,
    chunk: int,
) -> Generator[Result, None, None]:
    """Yield what `function` gives for one chunk of paths after the other, in order.

    For short work, so that handing it to a thread does not show. At most two chunks of results
    per thread exist at any moment. Closing the iterator ends the work.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(threads, thread_name_prefix="pictures")
    waiting: deque[Future[Sequence[Result]]] = deque()
    try:
        for start in range(0, len(paths), chunk):
            waiting.append(pool.submit(function, paths[start : start + chunk]))
            if len(waiting) >= 2 * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
