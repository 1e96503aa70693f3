import pytest

from pipeline_project.adapters.media.sniff import sniff
from pipeline_project_tests import media_files as files


@pytest.mark.parametrize(
    ("head", "family"),
    [
        (b"<!DOCTYPE html><html>", "text"),
        (b"\xef\xbb\xbf  <html>", "text"),
        (b'<?xml version="1.0"?><svg/>', "text"),
        (b'{"error": "gone"}', "text"),
        ("größe".encode() * 400, "text"),
        ("é".encode() * 5000, "text"),
        (b"caf\xe9 " * 20, "unknown"),
        (b"\x00\x01\x02\x03" * 20, "unknown"),
        (b"BMW is a car maker", "text"),
        (b"P5 is not an image", "text"),
        (b"G" * 4, "text"),
        (b"G\x00\x01" * 400, "unknown"),
        (b"\xff\xd8\xff\xe0", "image"),
        (b"\x00\x00\x00\x18ftypisom", "video"),
        (b"\x00\x00\x00\x18ftypavif", "unsupported"),
        (b"ID3\x04", "audio"),
    ],
)
def test_families(head, family):
    assert sniff(head[:4096]).family == family


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("mp4", "libx264", "a.mp4"),
        ("matroska", "libx264", "a.mkv"),
        ("matroska", "libvpx-vp9", "a.webm"),
        ("avi", "mpeg4", "a.avi"),
        ("mpegts", "libx264", "a.ts"),
        ("mpeg", "mpeg2video", "a.mpg"),
        ("flv", "libx264", "a.flv"),
    ],
)
def test_real_containers_are_recognised(tmp_path, name, codec, container):
    head = files.clip(tmp_path / container, 12, codec=codec).read_bytes()[:4096]
    assert (sniff(head).family, sniff(head).name) == ("video", name)
