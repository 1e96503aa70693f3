import urllib.request

from pipeline_project.exports.places import below, presigned


def test_keys_of_a_bucket_are_taken_as_they_are_and_web_addresses_are_encoded():
    assert below("s3://b/p/")("ä b.jpg") == "s3://b/p/ä b.jpg"
    assert below("https://x.org/p")("ä b.jpg") == "https://x.org/p/%C3%A4%20b.jpg"


def test_a_presigned_address_gives_the_picture_to_anybody(seaweed, bucket):
    session = seaweed.session()
    session.client("s3").put_object(Bucket=bucket, Key="picks/ä b.jpg", Body=b"a picture")
    address = presigned(f"s3://{bucket}/picks", 1, session)("ä b.jpg")
    assert "X-Amz-Expires=3600" in address
    with urllib.request.urlopen(address, timeout=20) as answer:
        assert answer.read() == b"a picture"
