"""What holds on every site: a call, a file, the page, and what containers may not do."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import as_file, files
from urllib.request import ProxyHandler, Request, build_opener

from tests.containers.site import Container, Site
from tests.integration.callscribe.processes import until

_SAMPLE = files("pytest_audioeval") / "samples" / "audio" / "en" / "quick_brown_fox.wav"
_WORDS = "the quick brown fox jumps over the lazy dog"
_SECRETS = re.compile(r"PRIVATE KEY|whsec_|(?:password|secret|token)\s*[=:]\s*\S", re.IGNORECASE)
_PATIENCE = 180


def plain(text: str) -> str:
    """Return a text's words without marks, in lower case."""
    return " ".join(re.findall(r"\w+", text.lower()))


def check_call(url: str, *flags: str) -> None:
    """Send a recording as a call with our command; its words must be right."""
    with as_file(_SAMPLE) as path:
        command = [sys.executable, "-m", "callscribe", "transcribe", str(path)]
        command += ["--format", "jsonl", "--url", url, *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    text = " ".join(str(event["text"]) for event in events if event["type"] == "final")
    assert plain(text) == _WORDS


def check_file(url: str, key: str = "") -> None:
    """Send a recording as a file, as clients of OpenAI do."""
    parts = {
        'name="model"': b"whisper-1",
        'name="file"; filename="call.wav"': _SAMPLE.read_bytes(),
    }
    body = b"".join(
        b"--part\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (name.encode(), value)
        for name, value in parts.items()
    )
    headers = {"Content-Type": "multipart/form-data; boundary=part"}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    request = Request(f"{url}/v1/audio/transcriptions", body + b"--part--\r\n", headers)
    with build_opener(ProxyHandler({})).open(request, timeout=120) as answer:
        assert plain(json.load(answer)["text"]) == _WORDS


def check_page(site: Site) -> None:
    """The page is served, and what is for operators is not."""
    status, text = site.request("CALLSCRIBE_PORT", "/")
    assert status == 200
    assert "<title>" in text
    assert site.request("CALLSCRIBE_PORT", "/metrics")[0] == 404


def check_containers(site: Site) -> None:
    """Each is read-only, limited, restarted where it should be, and of no user that may all."""
    for each in site.containers():
        host = each.state["HostConfig"]
        assert host["ReadonlyRootfs"], each.name
        assert host["CapDrop"] == ["ALL"], each.name
        assert host["Memory"] > 0, each.name
        assert host["RestartPolicy"]["Name"] in ("unless-stopped", "no"), each.name
        assert not each.state["State"]["OOMKilled"], each.name
        for ports in host["PortBindings"].values():
            assert all(port["HostIp"] == "127.0.0.1" for port in ports), each.name
    for service in ("gateway", "vad", "denoise", "asr"):
        for each in site.containers(service):
            assert site.engine.lines("exec", each.name, "id", "-u") == ["10001"]
            assert site.engine.run("exec", each.name, "touch", "/x", check=False).returncode


def check_image(site: Site, image: str) -> int:
    """Return the size of an image, whose history shows no secret."""
    history = site.engine.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    assert "EXTRA=" in history
    assert not _SECRETS.search(history), history
    assert site.password not in history
    (state,) = json.loads(site.engine.run("inspect", image).stdout)
    assert state["Config"]["User"] == "10001"
    return int(state["Size"])


def killed(site: Site, container: Container) -> Callable[[], None]:
    """Return what kills a container as `docker kill` does, and starts it again."""

    def kill() -> None:
        site.engine.run("kill", container.name)
        site.engine.run("start", container.name)
        site.wait_healthy()

    return kill


def crashed(site: Site, container: Container) -> Callable[[], None]:
    """Return what kills a container's process, and waits until Docker has started it again."""

    def crash() -> None:
        (now,) = [each for each in site.containers() if each.name == container.name]
        os.kill(int(now.state["State"]["Pid"]), 9)
        before = now.state["RestartCount"]

        def again() -> bool:
            (seen,) = [each for each in site.containers() if each.name == container.name]
            return bool(seen.state["RestartCount"] > before)

        until(again, _PATIENCE)
        site.wait_healthy()

    return crash


def restarted(site: Site, container: Container) -> Callable[[], None]:
    """Return what restarts a container as `docker restart` does."""

    def restart() -> None:
        site.engine.run("restart", container.name)
        site.wait_healthy()

    return restart
