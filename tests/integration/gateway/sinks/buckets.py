"""A server of S3's protocol of the tests' own, SeaweedFS, which can be stopped and started."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import obstore
from obstore.store import S3Store

from callscribe.local.child import die_with_parent, free_ports

BUCKET = "calls"
KEY_ID = "callscribe-test-id"
SECRET = "callscribe-test-secret"
_OWNER = {"access_key_id": "owner-id", "secret_access_key": "owner-secret"}
"""Whose bucket it is; sinks have another key, which may only read, write and list."""
_PARTS = ("s3", "master", "volume", "filer")


def program() -> Path | None:
    """Return SeaweedFS's program, which is beside Python's or on PATH; None if there is none."""
    beside = Path(sys.executable).with_name("weed")
    found = beside if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


class BucketServer:
    """A server on free ports of this machine, with one bucket; `url` is a sink's."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._folder = folder
        self._log = folder / "log"
        self._ports = ports = free_ports(2 * len(_PARTS))
        self.port = ports[0]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.url = f"s3://{BUCKET}/live/results?endpoint={self.endpoint}"
        given = {"client_options": {"allow_http": True}, "endpoint": self.endpoint, **_OWNER}
        self._bucket = S3Store(BUCKET, **given)
        self._process: subprocess.Popen[bytes] | None = None
        self.key_id, self.secret = KEY_ID, SECRET
        identities = folder / "identities.json"
        identities.write_text(json.dumps({"identities": _identities()}))
        flags = [f"-{part}.port={port}" for part, port in zip(_PARTS, ports, strict=False)]
        flags += [f"-{part}.port.grpc={port}" for part, port in zip(_PARTS, ports[4:], strict=True)]
        flags += ["-s3", f"-s3.config={identities}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        flags += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-volume.max=8"]
        flags += ["-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
        # It elects itself, which takes 20 s after a sudden end unless it is told to be quick.
        flags += ["-master.electionTimeout=200ms", "-master.heartbeatInterval=100ms"]
        self._command = [str(program), "-logtostderr=true", "server", *flags]

    @property
    def access(self) -> dict[str, str]:
        """The environment of a program that has the bucket for its own."""
        keys = {f"AWS_{name.upper()}": value for name, value in _OWNER.items()}
        where = {"AWS_ENDPOINT": self.endpoint, "AWS_ALLOW_HTTP": "true"}
        return {**keys, **where, "AWS_REGION": "us-east-1"}

    def begin(self) -> None:
        """Start it. The thread that does must outlive it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, preexec_fn=die_with_parent()
            )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.begin()
        assert self._process is not None
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-4000:]
            assert time.monotonic() < deadline, "SeaweedFS does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it as a failure of its machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            for port in self._ports:  # it has sockets there, wherever its folder is
                for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    path.unlink()

    def make_bucket(self) -> None:
        """Make the bucket, which the first object of its owner does, or empty it."""
        obstore.put(self._bucket, "made", b"")
        obstore.delete(self._bucket, self.names())

    def names(self) -> list[str]:
        """Return what is in the bucket."""
        return [each["path"] for some in obstore.list(self._bucket) for each in some]

    def content(self, name: str) -> bytes:
        """Return what is in an object."""
        return bytes(obstore.get(self._bucket, name).bytes())

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=5):
                return True
        except OSError:
            return False


def _identities() -> list[dict[str, object]]:
    ours = {"accessKey": KEY_ID, "secretKey": SECRET}
    owner = {"accessKey": _OWNER["access_key_id"], "secretKey": _OWNER["secret_access_key"]}
    return [
        {"name": "sink", "credentials": [ours], "actions": ["Read", "Write", "List"]},
        {"name": "owner", "credentials": [owner], "actions": ["Admin"]},
    ]
