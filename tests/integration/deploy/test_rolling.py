"""Three gateways behind one proxy without stickiness: everything is restarted, also Redis and the
proxy itself, and nothing is lost."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.caller import Course, hold
from tests.chaos.judge import Spoken, Verdict, judge
from tests.chaos.scripts import Script, scripts
from tests.chaos.speech import clips
from tests.integration.callscribe.processes import until, until_true
from tests.integration.deploy.front import ADDRESS, FRONTS, proxy_before
from tests.integration.deploy.host import Container, Host, running_host
from tests.integration.deploy.proxy import Proxy

CALLS = 50
SCRIPTS = 5
SCALE = {"gateway": 3, "denoise": 2, "vad": 2, "asr": 2}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Return a host whose recognisers tell which samples they were given."""
    commands = {"asr": ["tests.chaos.workers"]}
    # What a busy machine measures must not send tests away.
    variables = {"CALLSCRIBE_ASR_LOAD": "0"}
    with running_host(tmp_path, scale=SCALE, commands=commands, variables=variables) as host:
        yield host


@dataclass
class Rolling:
    """Calls that go on while everything is restarted."""

    host: Host
    truth: dict[str, list[Spoken]]
    spoken: list[Script]
    courses: list[Course] = field(default_factory=list)
    over: bool = False

    @property
    def url(self) -> str:
        """Return where all callers call."""
        return f"ws://{ADDRESS}:{self.host.ports[8000]}/ws/asr"

    async def call(self, line: int) -> None:
        """Call again and again until everything was restarted."""
        number = line
        while not self.over:
            course = Course(number, self.spoken[number % len(self.spoken)])
            self.courses.append(course)
            await hold(self.url, course)
            number += 1

    async def restart(self, container: Container) -> None:
        """Do as `docker compose restart` does with one container."""
        assert await asyncio.to_thread(container.stop) == 0, container.log()
        container.start()
        up = self.host.answers if container.service == "redis" else container.healthy
        await asyncio.to_thread(until, up, 60)

    async def run(self, proxy: Proxy) -> None:
        """Restart one after the other under calls."""
        async with asyncio.TaskGroup() as tasks:
            for line in range(CALLS):
                tasks.create_task(self.call(line))
            await until_true(lambda: self._open() >= CALLS, 60)
            for service in (*SCALE, "redis"):
                for container in self.host.of(service):
                    await self.restart(container)
            await asyncio.to_thread(proxy.stop)
            await asyncio.to_thread(proxy.start)
            self.over = True

    def _open(self) -> int:
        return sum(bool(course.session) for course in self.courses)


async def undisturbed(url: str, spoken: list[Script]) -> dict[str, list[Spoken]]:
    """Return what each script's call is told when nothing happens."""
    courses = [Course(number, script) for number, script in enumerate(spoken)]
    await asyncio.gather(*(hold(url, course, 3.0) for course in courses))
    assert [course.failure or course.errors for course in courses if not course.finals] == []
    return {course.script.name: course.finals for course in courses}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", FRONTS)
async def test_a_rolling_restart_under_calls_loses_nothing(host: Host, service: str):
    spoken = scripts(11, SCRIPTS, clips(), seconds=(8.0, 16.0), denoise=True)
    with proxy_before(host, service) as proxy:
        rolling = Rolling(host, {}, spoken)
        rolling.truth = await undisturbed(rolling.url, spoken)
        await rolling.run(proxy)
        assert "rror" not in proxy.log()
    total = Verdict()
    for course in rolling.courses:
        # The recogniser tells samples apart that differ by rounding, as denoised ones may.
        texts = not course.script.options.denoise
        verdict = judge(rolling.truth[course.script.name], course.finals, texts=texts)
        assert [course.failure, *course.errors, *course.gaps] == [""], course
        assert not verdict.wrong, verdict
        total.add(verdict)
    outages = [seconds for course in rolling.courses for seconds in course.outages]
    print(
        f"{service}: {len(rolling.courses)} calls, {total.words} words, {total.wrong} wrong,"
        f" resumed {len(outages)} times, longest outage {max(outages):.2f} s,"
        f" turned away {sum(course.turned_away for course in rolling.courses)} times"
    )
    assert len(rolling.courses) >= CALLS
    assert len(outages) >= CALLS // 3 + CALLS  # each gateway had its share, the proxy has them all
    for gateway in host.of("gateway"):
        assert gateway.log().count("session.opened") > SCRIPTS
