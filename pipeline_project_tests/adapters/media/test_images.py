"""Still images: orientation, depth, transparency, damage, bombs."""

import struct
import tracemalloc
import zlib
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.adapters.sources.folder import IMAGE_SUFFIXES
from pipeline_project.core.config import SamplingConfig
from pipeline_project.errors import MediaCorrupt
from pipeline_project_tests import media_files as files

LOSSLESS = [".png", ".bmp", ".tiff", ".ppm"]
EVERY = [*LOSSLESS, ".jpg", ".webp", ".gif"]


def read(path, **reader):
    with LocalMediaReader(**reader).open(path) as media:
        (frame,) = media.frames(SamplingConfig())
        assert frame.pixels.shape == (media.info.height_px, media.info.width_px, 3)
        assert frame.pixels.dtype == np.uint8
        return frame.pixels


@pytest.mark.parametrize("suffix", EVERY)
def test_every_format_is_read(tmp_path, suffix):
    pixels = read(files.image(tmp_path / f"a{suffix}"))
    assert files.number_of(pixels) == 0
    off = np.abs(pixels.astype(int) - files.picture()).mean()
    assert off <= (0 if suffix in LOSSLESS else {".gif": 20}.get(suffix, 1))


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_image_that_a_folder_lists_can_be_read(tmp_path, suffix):
    gray = files.picture()[:, :, 0]
    pixels = read(files.image(tmp_path / f"a{suffix}", gray if suffix == ".pgm" else None))
    assert pixels.shape == files.picture().shape


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a{suffix}"
    Image.fromarray(files.picture()).save(path, exif=exif, quality=95)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path).convert("RGB")))
    assert np.abs(read(path).astype(int) - expected).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_orientation_is_applied(tmp_path, orientation):
    upright = Image.fromarray(files.picture())
    exif = Image.Exif()
    exif[274] = orientation
    upright.save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    upright.save(tmp_path / "a.tif", tiffinfo={274: orientation})
    difference = read(tmp_path / "a.tif").astype(int) - read(tmp_path / "a.jpg")
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_become_8_over_the_whole_range(tmp_path, suffix):
    deep = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    pixels = read(files.image(tmp_path / f"a{suffix}", deep))
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert np.abs(pixels[:, :, 0] - deep / 257).max() <= 0.5


def test_floating_point_counts_as_0_to_1(tmp_path):
    values = np.array([[0.0, 0.5, 1.0, 7.0, -1.0, np.nan]], np.float32)
    pixels = read(files.image(tmp_path / "a.tiff", values))
    assert pixels[0, :, 0].tolist() == [0, 128, 255, 255, 0, 0]


def test_gray_becomes_three_equal_channels(tmp_path):
    gray = files.picture()[:, :, 0]
    pixels = read(files.image(tmp_path / "a.png", gray))
    assert (pixels == gray[:, :, np.newaxis]).all()


def test_transparency_is_laid_over_white(tmp_path):
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[:, :, 0] = 200
    rgba[:, 1, 3], rgba[:, 2, 3] = 255, 128
    pixels = read(files.image(tmp_path / "a.png", rgba))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 1].tolist() == [200, 0, 0]
    assert pixels[0, 2].tolist() == [227, 127, 127]


def test_cmyk_jpeg_shows_its_colours(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(files.picture()).convert("CMYK").save(path, quality=95)
    expected = np.asarray(Image.open(path).convert("RGB"))
    assert np.abs(read(path).astype(int) - expected).mean() < 3


def test_a_palette_becomes_rgb(tmp_path):
    Image.fromarray(files.picture()).quantize(64).save(tmp_path / "a.png")
    expected = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert (read(tmp_path / "a.png") == expected).all()


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tiff"])
def test_an_animation_or_several_pages_give_the_first_picture(tmp_path, suffix):
    first, *others = [Image.fromarray(files.picture(number)) for number in (5, 6, 7)]
    lossless = {"lossless": True} if suffix == ".webp" else {}
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=others, **lossless)
    assert files.number_of(read(tmp_path / f"a{suffix}")) == 5


def test_one_pixel_is_read(tmp_path):
    assert read(files.image(tmp_path / "a.png", np.full((1, 1, 3), 9, np.uint8))).shape == (1, 1, 3)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("suffix", EVERY)
def test_an_image_cut_short_is_refused(tmp_path, suffix, share):
    path = files.cut(files.image(tmp_path / f"a{suffix}"), share)
    with pytest.raises(MediaCorrupt, match=f"a\\{suffix}"):
        read(path)


def test_a_png_whose_bytes_rotted_is_refused(tmp_path):
    path = files.overwrite_middle(files.image(tmp_path / "a.png"), 50)
    with pytest.raises(MediaCorrupt, match="checksum"):
        read(path)


def _png_claiming(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + bytes(100)


def _claims():
    jpeg = bytearray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 65000, 65000)
    bmp = b"BM" + bytes(12) + struct.pack("<Iii", 40, 60000, -60000) + bytes(100)
    gif = b"GIF89a" + struct.pack("<HH", 65000, 65000) + bytes(100)
    webp = b"RIFF\x00\x01\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(4) + b"\xff\xff\x00" * 2
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, 60000) for tag in (256, 257))
    tiff = b"II*\x00\x08\x00\x00\x00\x02\x00" + tags + bytes(100)
    return {
        "png": _png_claiming(60000, 60000),
        "jpeg": bytes(jpeg),
        "bmp": bmp,
        "gif": gif,
        "webp": webp + bytes(100),
        "tiff": tiff,
        "pnm": b"P6\n# bomb\n60000 60000\n255\n",
    }


@pytest.mark.parametrize("name", _claims())
def test_a_header_that_claims_too_much_is_refused_without_taking_memory(tmp_path, name):
    path = tmp_path / "a.bin"
    path.write_bytes(_claims()[name])
    tracemalloc.start()
    try:
        with pytest.raises(MediaCorrupt, match=r"too large.*6\d+ x 6\d+"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparency_takes_little_more_memory_than_the_picture(tmp_path, dtype):
    bgra = np.full((2000, 2001, 4), np.iinfo(dtype).max, dtype)
    bgra[::2, :, 3] = np.iinfo(dtype).max // 2
    bgra[:, :, 0] = 0
    path = files.image(tmp_path / "a.png", bgra[:, :, [2, 1, 0, 3]])
    decoded_bytes = bgra.nbytes
    del bgra
    tracemalloc.start()
    try:
        pixels = read(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * decoded_bytes
    finally:
        tracemalloc.stop()
    assert (pixels[1::2] == [255, 255, 0]).all()
    assert (pixels[::2, :, :2] == 255).all() and np.ptp(pixels[::2, :, 2]) == 0


@pytest.mark.parametrize(
    ("width", "height", "refused"), [(12032, 9024, False), (16000, 10000, True)]
)
def test_photographs_of_108_megapixels_are_within_the_usual_limit(tmp_path, width, height, refused):
    path = tmp_path / "a.png"
    path.write_bytes(_png_claiming(width, height))
    with (
        pytest.raises(MediaCorrupt, match="too large") if refused else nullcontext(),
        LocalMediaReader().open(path) as media,
    ):
        assert (media.info.width_px, media.info.height_px) == (width, height)


def test_the_limit_can_be_set(tmp_path):
    path = files.image(tmp_path / "a.png")
    read(path, max_pixels=192 * 128)
    with pytest.raises(MediaCorrupt, match="limit of 100"):
        read(path, max_pixels=100)


def test_a_frame_other_than_0_does_not_exist(tmp_path):
    with (
        LocalMediaReader().open(files.image(tmp_path / "a.png")) as media,
        pytest.raises(MediaCorrupt, match="frame 7"),
    ):
        media.frame_at(7)
