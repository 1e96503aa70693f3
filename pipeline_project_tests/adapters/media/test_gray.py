"""Still images in gray: the luma as stored for JPEGs, that of the colours for all others."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline_project.adapters.media import images
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.core.quality.gray import to_gray
from pipeline_project.errors import MediaCorrupt
from pipeline_project_tests import media_files as files


def read_gray(path):
    with LocalMediaReader().open(path) as media:
        gray = media.gray()
        assert gray.shape == (media.info.height_px, media.info.width_px)
        assert gray.dtype == np.uint8 and gray.flags.c_contiguous
        return gray


def read_rgb(path):
    with LocalMediaReader().open(path) as media:
        return media.frame_at(0).pixels


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=str)
def test_gray_of_a_jpeg_is_the_luma_that_opencv_decodes(tmp_path, options):
    path = saved(tmp_path / "a.jpg", Image.fromarray(files.picture()), quality=90, **options)
    assert np.array_equal(read_gray(path), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    difference = read_gray(path).astype(int) - to_gray(read_rgb(path))
    assert np.abs(difference).mean() < 1


def test_colours_of_a_jpeg_are_those_that_opencv_decodes(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(files.picture()), quality=90)
    assert np.array_equal(read_rgb(path), cv2.imread(str(path))[:, :, ::-1])


def _odd_files(folder):
    picture = files.picture()
    rgba = np.dstack([picture, np.tile(np.arange(picture.shape[1]) % 256, (len(picture), 1))])
    deep = picture[:, :, 0].astype(np.uint16) * 257
    frames = [Image.fromarray(files.picture(number)) for number in (5, 6)]
    yield saved(folder / "cmyk.jpg", Image.fromarray(picture).convert("CMYK"))
    yield files.image(folder / "deep.png", deep)
    yield files.image(folder / "deep.tiff", deep)
    yield saved(folder / "palette.png", Image.fromarray(picture).quantize(64))
    yield saved(folder / "alpha.png", Image.fromarray(rgba.astype(np.uint8)))
    yield saved(folder / "one_bit.png", Image.fromarray(picture).convert("1"))
    for suffix in (".gif", ".webp", ".png"):
        options = {"save_all": True, "append_images": frames[1:]}
        yield saved(folder / f"moving{suffix}", frames[0], **options)


def test_gray_of_all_else_is_that_of_the_colours(tmp_path):
    seen = list(_odd_files(tmp_path))
    assert len(seen) == 9
    for path in seen:
        assert np.array_equal(read_gray(path), to_gray(read_rgb(path))), path.name


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_gray_is_upright(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[274] = orientation
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(files.picture()), exif=exif)
    difference = read_gray(path).astype(int) - to_gray(read_rgb(path))
    assert np.abs(difference).mean() < 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 30000), (30000, 3)])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_odd_shapes_are_read(tmp_path, shape, suffix):
    assert read_gray(files.image(tmp_path / f"a{suffix}", np.zeros(shape, np.uint8))).shape == shape


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.98, 0.995])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif"])
def test_gray_of_an_image_cut_short_is_refused(tmp_path, suffix, share):
    path = files.cut(files.image(tmp_path / f"a{suffix}"), share)
    with pytest.raises(MediaCorrupt, match=f"a\\{suffix}"):
        read_gray(path)


def test_the_fast_decoder_takes_no_damage_that_opencv_refuses(tmp_path):
    """Cut anywhere, or with a byte changed, a JPEG is decoded by both or by OpenCV alone."""
    buffer = io.BytesIO()
    Image.fromarray(files.picture()).save(buffer, "jpeg", quality=85)
    whole = buffer.getvalue()
    rng = np.random.default_rng(4)
    taken = 0
    for turn in range(300):
        data = bytearray(whole[: rng.integers(100, len(whole))] if turn % 2 else whole)
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
        fast = images._decode_jpeg(bytes(data), "GRAY")
        if fast is None:
            continue
        taken += 1
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert stored is not None and np.array_equal(fast[:, :, 0], stored)
    assert 10 < taken < 300
