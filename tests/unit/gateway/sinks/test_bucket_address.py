"""Which bucket a URL means, and whose key is taken for it."""

from pathlib import Path

import pytest

from gateway.sinks.bucket_address import BucketAddress, Key, KeyFile

FILE = """
[default]
aws_access_key_id = first
aws_secret_access_key = hush%

[archive]
aws_access_key_id = second
aws_secret_access_key = hush
aws_session_token = for a while

[half]
aws_access_key_id = third
"""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home with keys, and an environment without."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(FILE)
    return tmp_path


def test_a_bucket_has_a_prefix_and_a_server_of_its_own(home):
    url = "s3://calls.example/live/a%20b/?endpoint=https://minio:9000/&region=eu-central-1"
    address = BucketAddress.parse(url)
    assert (address.bucket, address.prefix) == ("calls.example", "live/a b")
    assert (address.endpoint, address.region) == ("https://minio:9000", "eu-central-1")


def test_the_key_of_a_file_is_taken_where_the_environment_has_none(home, monkeypatch):
    file = BucketAddress.parse("s3://calls").key_file
    assert file == KeyFile(home / ".aws/credentials", "default")
    assert file.read() == Key("first", "hush%", None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    assert BucketAddress.parse("s3://calls").key_file is None
    file = BucketAddress.parse("s3://calls?profile=archive").key_file
    assert file is not None
    assert file.read() == Key("second", "hush", "for a while")


def test_without_any_the_machine_is_asked(home):
    (home / ".aws/credentials").unlink()
    assert BucketAddress.parse("s3://calls").key_file is None


@pytest.mark.parametrize(
    ("profile", "content", "says"),
    [
        ("nobody", FILE, "lacks 'nobody'"),
        ("half", FILE, "lacks 'aws_secret_access_key'"),
        ("default", "hush", "is no file with keys"),
        ("default", "[default]\naws_access_key_id = ü".encode("latin-1"), "is no file with keys"),
    ],
)
def test_a_file_that_lacks_the_key_is_named_and_not_repeated(home, profile, content, says):
    raw = content if isinstance(content, bytes) else content.encode()
    (home / ".aws/credentials").write_bytes(raw)
    with pytest.raises(ValueError, match="credentials") as caught:
        BucketAddress.parse(f"s3://calls?profile={profile}")
    assert says in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_file_that_is_named_must_be_there(home, monkeypatch):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/keys")
    with pytest.raises(ValueError, match="/nowhere/keys: No such file or directory"):
        BucketAddress.parse("s3://calls")
