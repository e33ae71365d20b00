"""What each table, generator and process makes of the further stage, where it is registered.

`tests/integration/test_further_stage.py` runs this: every process must know the stage from its
start.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from bench.dummies import TEXT
from callscribe.commands.stack_flags import stack_parser
from callscribe.hosts.inventory import parse
from callscribe.hosts.prometheus import files as monitored
from common.audio import SAMPLE_RATE
from common.bus import acl
from common.pipeline.stages import NAMES
from common.settings import settings_classes
from deploy.helm import generate
from deploy.roles.files import files
from docs.pipeline_tables import ARCHITECTURE, REDIS, tables
from tests.further_stage.registration import NAME, OWNER
from tests.further_stage.settings import CountSettings
from tests.integration.conftest import leaked_keys, wait_until
from tests.integration.forks import fork
from tests.integration.pipeline.calls import FINALIZE, config, line, messages, said
from tests.integration.pipeline.services import Service, service
from tests.real_redis import admin, real_redis
from tests.unit.callscribe.hosts.sites import INVENTORY

MADE = {path.name: text for path, text in files().items()}


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_it_is_a_service_with_settings():
    assert settings_classes()[NAME] is CountSettings
    assert NAME in NAMES
    assert f"--{NAME}" in stack_parser("up", "").flags


def test_redis_has_a_user_for_it_that_may_write_what_it_answers():
    user = next(user for user in acl.users() if user.name == NAME)
    assert any("text" in rule for rule in user.rules)
    assert acl.readers(OWNER) == ["gateway", NAME]


def test_the_tables_of_the_documents_have_it():
    architecture, redis = (tables()[each] for each in (ARCHITECTURE, REDIS))
    row = f"| {NAME} | text | `audio`, `clean` | `{NAME}:<n>`, `text` |"
    assert row in architecture["stages"]
    assert all(f"<leg>:{NAME}:<n>" in each for each in (architecture["keys"], redis["content"]))


def test_systemd_has_a_unit_of_it():
    assert (
        f"ExecStart=/opt/callscribe/bin/callscribe {NAME} " in MADE[f"callscribe-{NAME}@.service"]
    )


def test_compose_waits_for_it_and_gives_it_its_password():
    gateway = read(MADE["docker-compose.yml"])["services"]["gateway"]
    assert gateway["depends_on"][NAME] == {"condition": "service_started", "required": False}
    assert f"redis-{NAME}" in read(MADE["redis-users.yml"])["secrets"]


def test_prometheus_scrapes_it():
    jobs = {job["job_name"]: job for job in read(MADE["prometheus.yml"])["scrape_configs"]}
    assert NAME in jobs["workers"]["dns_sd_configs"][0]["names"]


def test_a_host_may_run_it_at_ports_of_its_own():
    site = parse(INVENTORY.replace("asr = 1", f"asr = 1\n{NAME} = 2", 1))
    assert NAME in {role.name for host in site.hosts for role in host.roles}
    written = "".join(each.text for each in monitored(site, {}, "password").values())
    assert ":9900" in written
    assert ":9901" in written


def test_the_chart_offers_its_settings_and_runs_it():
    assert f"settings-{NAME}" in json.loads(generate.schema())["definitions"]
    assert f"align, {NAME}]" in MADE["_product.tpl"]


@pytest.fixture
def gateway() -> Iterator[tuple[Service, str]]:
    """A gateway beside workers whose engines cost nothing, and beside the further stage."""
    with (
        real_redis() as own,
        service("gateway", own.url) as gateway,
        service(NAME, own.url),
    ):
        dummies = [fork("bench.dummies", name, "--redis-url", own.url) for name in ("vad", "asr")]
        try:
            gateway.wait_ready()
            yield gateway, own.url
        finally:
            for each in dummies:
                each.terminate()
            assert [each.wait(20) for each in dummies] == [0, 0]
        with admin(own.url) as client:
            assert leaked_keys(client) == []


async def test_a_call_is_told_what_it_counts(gateway):
    def known() -> bool:
        status = json.loads(gateway[0].page("/ws/status")[1])
        return bool(status["stages"][NAME]["workers"])

    await wait_until(known, "the gateway knows of it")
    loud = np.random.default_rng(7).uniform(-0.3, 0.3, round(0.6 * SAMPLE_RATE))
    async with asyncio.timeout(60), line(gateway[0].url) as client:
        await client.say(config(words=True, interim_results=False))
        await client.hear("session_created")
        await client.say(*messages(said(loud.astype(np.float32), 0.5)), FINALIZE)
        transcript = await client.hear_out()
    (final,) = [final for final in transcript.finals if final["text"]]
    told = final["words"] or transcript.of("words")[0]["words"]
    assert [word["word"] for word in told] == [str(len(TEXT.split()))]
