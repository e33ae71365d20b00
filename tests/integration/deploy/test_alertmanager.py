"""What a real Alertmanager with our configuration tells of alerts that fire together."""

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.drills.monitoring import Alertmanager, get, missing
from tests.integration.callscribe.processes import until

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"

pytestmark = pytest.mark.skipif(bool(missing()), reason="there is no Alertmanager")

SCENES = {
    "Redis is away": (
        [
            "RedisTrouble page kind=connect",
            "AudioLost ticket",
            "CallsRefused page reason=asr_load",
        ],
        [
            "NoWorkers page stage=vad",
            "NoWorkers ticket stage=denoise",
            "StageBehind page stage=asr",
            "FinalsLate page",
            "FinalsLate ticket",
            "ConnectionsBreak ticket",
            "CallsRefused page reason=unavailable",
            "CallsRefused page reason=vad_backlog",
        ],
    ),
    "Redis is full": (
        ["RedisMemoryHigh page", "CallsRefused page reason=unavailable"],
        ["RedisMemoryFillsUp ticket", "CallsRefused page reason=redis_memory"],
    ),
    "no gateway": (
        ["NoGateway page", "ProcessDown ticket job=workers instance=b"],
        ["ProcessDown ticket job=gateway instance=a"],
    ),
    "no VAD worker": (
        [
            "NoWorkers page stage=vad",
            "NoWorkers ticket stage=denoise",
            "ProcessDown ticket job=workers instance=a",
            "CallsRefused page reason=asr_slots",
            "WorkTakenOver ticket stage=vad",
        ],
        ["CallsRefused page reason=unavailable", "ConnectionsBreak ticket"],
    ),
    "only a stage that calls can do without": (
        ["NoWorkers ticket stage=denoise", "CallsRefused page reason=unavailable"],
        [],
    ),
    "behind": (
        ["StageBehind page stage=vad", "CallsRefused page reason=unavailable"],
        ["FinalsLate page", "FinalsLate ticket", "CallsRefused page reason=lag"],
    ),
    "a bad deployment": (
        ["BreakerOpen page stage=asr", "DeadLetters ticket stage=vad"],
        ["DeadLetters ticket stage=asr"],
    ),
    "certificates": (
        ["CertificateEnds page instance=a", "CertificateEnds ticket instance=b"],
        ["CertificateEnds ticket instance=a"],
    ),
    "full": (
        ["StageFull ticket stage=vad", "StageFillsUp ticket stage=denoise"],
        ["StageFillsUp ticket stage=vad"],
    ),
}


def labels(text: str) -> dict[str, str]:
    """Return the labels of an alert that is written in short."""
    name, severity, *more = text.split()
    return {
        "alertname": name,
        "severity": severity,
        **dict(each.split("=", 1) for each in more),
    }


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    directory: Path = tmp_path_factory.mktemp("alertmanager")
    running = Alertmanager(directory, CONFIG.read_text())
    yield running
    running.kill()


def post(manager: Alertmanager, alerts: list[dict[str, str]], *, ended: bool = False) -> None:
    """Do as Prometheus does when alerts fire, or end."""
    now = datetime.now(UTC)
    ends = now - timedelta(seconds=1) if ended else now + timedelta(hours=1)
    times = {"startsAt": (now - timedelta(hours=1)).isoformat(), "endsAt": ends.isoformat()}
    body = json.dumps([{"labels": each, **times} for each in alerts]).encode()
    request = urllib.request.Request(
        f"{manager.url}/api/v2/alerts", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()


def shown(manager: Alertmanager, **which: str) -> list[dict[str, str]]:
    """Return the labels of the alerts that fire."""
    found = [each["labels"] for each in get(f"{manager.url}/api/v2/alerts", **which)]
    return sorted(found, key=str)


@pytest.mark.parametrize("scene", SCENES)
def test_what_follows_from_another_alert_is_not_told(manager, scene):
    told, hidden = ([labels(each) for each in part] for part in SCENES[scene])
    post(manager, [*told, *hidden])
    try:
        until(lambda: shown(manager, inhibited="false") == in_order(told))
        assert shown(manager) == in_order([*told, *hidden])
    finally:
        post(manager, [*told, *hidden], ended=True)
        until(lambda: shown(manager) == [])


def in_order(alerts: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return labels as `shown` does: each in the order of their names."""
    return sorted((dict(sorted(each.items())) for each in alerts), key=str)
