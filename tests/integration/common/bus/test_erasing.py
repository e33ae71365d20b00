"""What is erased of a session leaves no byte, and all else of a stage stays as it was."""

import asyncio

import redis

from common.bus import keys
from common.bus.dead_letters import contents_of, dead_letter, discard, letters
from common.bus.doorbells import heard, keep, notify
from common.bus.erasing import forget, silence
from common.bus.keys import Leg
from common.bus.offers import offer
from common.pipeline.stages import ASR, PIPELINE
from common.redis.link import Link
from common.redis.replies import pairs
from common.stage.assignments import Assignments
from tests.integration.common.stage.toy_stage import ToyWork
from tests.integration.conftest import wait_until
from tests.real_redis import admin, admin_address

WORK = keys.work_items("asr")
ERASED, KEPT = "aaaa-erased", "bbbb-kept"


def added(client: redis.Redis) -> int:
    """Return how many entries Redis has added to streams since its start."""
    return int(client.info("commandstats")["cmdstat_xadd"]["calls"])


async def a_client_blocks(redis_url: str) -> None:
    """Wait until a client waits in Redis for a stream."""
    with admin(redis_url) as client:
        await wait_until(lambda: client.info("clients")["blocked_clients"] > 0, "one waits")


async def offered(link: Link, session: str, number: int) -> None:
    await link.evaluate([offer("asr", f"{session}.0/{number}", ToyWork())])


async def test_work_items_of_others_keep_their_owners_and_their_order(link, redis_url):
    dialled = [Link(admin_address(redis_url), f"reader-{n}") for n in range(2)]
    for each in dialled:
        await each.connect()
    one, two = (Assignments(link, "asr", name, lease=60) for name in ("one", "two"))
    await one.prepare()
    for number in range(3):
        await offered(link, ERASED, number)
        await offered(link, KEPT, number)
    first = await one.adopt(dialled[0], 2, 1)
    second = await two.adopt(dialled[1], 2, 1)
    assert await link.evaluate(forget([ERASED], [ASR])) == [3, 0]
    assert await link.evaluate(forget([ERASED], [ASR])) == [0, 0]
    kept = [[each for each in taken if each.key.startswith(KEPT)] for taken in (first, second)]
    for owner, own in zip((one, two), kept, strict=True):
        entries, contents = await owner.renew(())
        assert contents == own
        assert entries == {each.entry for each in own}
    assert [each.key for each in await two.adopt(dialled[1], 9, 1)] == [f"{KEPT}.0/2"]
    with admin(redis_url) as client:
        client.config_set("rdbcompression", "no")
        assert KEPT.encode() in (client.dump(WORK) or b"")
        assert ERASED.encode() not in (client.dump(WORK) or b"")
        assert set(client.hkeys(keys.index("asr"))) == {
            b"%b.0/%d" % (KEPT.encode(), n) for n in range(3)
        }
        (pending,) = client.xpending_range(WORK, "asr", "-", "+", 1, consumername="one")
        assert pending["times_delivered"] == 2, "adopted and renewed: the count goes on"
        (group,) = client.xinfo_groups(WORK)
        assert group["pending"] == 3
    for each in dialled:
        await each.close()


async def test_who_waits_for_work_is_not_disturbed(link, redis_url):
    reader = Link(admin_address(redis_url), "reader")
    await reader.connect()
    owner = Assignments(link, "asr", "one", lease=60)
    await owner.prepare()
    await offered(link, ERASED, 1)
    (erased,) = await owner.adopt(reader, 1, 1)
    waiting = asyncio.create_task(owner.adopt(reader, 1, 10_000))
    await a_client_blocks(redis_url)
    await link.evaluate(forget([ERASED], [ASR]))
    assert await owner.renew(()) == (set(), [])
    await owner.release([(erased.entry, erased.key)])
    await offered(link, KEPT, 1)
    assert [each.key for each in await waiting] == [f"{KEPT}.0/1"]
    (again,) = await link.insist([("XINFO", "STREAM", WORK)])
    assert dict(pairs(again))[b"length"] == 1
    await reader.close()


async def test_ids_go_on_behind_those_that_were(link):
    for number in range(2):
        await offered(link, ERASED, number)
    (before,) = await link.insist([("XINFO", "STREAM", WORK)])
    await link.evaluate([*forget([ERASED], [ASR]), offer("asr", f"{KEPT}.0/1", ToyWork())])
    facts = dict(pairs(before))
    (entries,) = await link.insist([("XRANGE", WORK, "-", "+")])
    assert [tuple(map(int, entry.split(b"-"))) for entry, _ in entries] > [
        tuple(map(int, facts[b"last-generated-id"].split(b"-")))
    ]


async def dead(link: Link, *sessions: str) -> None:
    """Write a dead letter of each session, about a work item and audio."""
    for number, session in enumerate(sessions):
        call = dead_letter(
            "asr",
            b"%d-0" % number,
            f"{session}.0/{number}",
            session.encode(),
            reason="why",
            worker="w",
            attempts=1,
            audio=session.encode() * 9,
        )
        await link.evaluate([call])


async def test_dead_letters_of_others_stay_with_their_contents(link, redis_url):
    await dead(link, ERASED, KEPT, ERASED)
    with admin(redis_url) as client:
        client.config_set("rdbcompression", "no")
        before = client.ttl(keys.dead_contents("asr"))
        assert await link.evaluate(forget([ERASED], [ASR])) == [0, 2]
        (letter,) = await letters(link, "asr")
        assert letter.key == f"{KEPT}.0/1"
        assert await contents_of(link, "asr", letter) == (KEPT.encode(), KEPT.encode() * 9)
        for key in (keys.dead("asr"), keys.dead_contents("asr")):
            assert ERASED.encode() not in (client.dump(key) or b"")
        assert 0 < client.ttl(keys.dead_contents("asr")) <= before


async def test_a_discarded_dead_letter_is_erased_from_beside_a_kept_one(link, redis_url):
    await dead(link, KEPT, ERASED)
    kept, discarded = await letters(link, "asr")
    await discard(link, "asr", discarded)
    both = (keys.dead("asr"), keys.dead_contents("asr"))
    with admin(redis_url) as client:
        client.config_set("rdbcompression", "no")
        for key in both:
            assert ERASED.encode() in (client.dump(key) or b""), "XDEL leaves the bytes there"
        assert await link.evaluate(forget([ERASED], [ASR])) == [0, 0]
        for key in both:
            assert ERASED.encode() not in (client.dump(key) or b"")
        assert await letters(link, "asr") == [kept]
        assert await contents_of(link, "asr", kept) == (KEPT.encode(), KEPT.encode() * 9)
        assert client.ttl(keys.dead_contents("asr")) > 0


async def test_contents_whose_dead_letter_is_gone_are_not_written_again(link, redis_url):
    await dead(link, KEPT, ERASED)
    _, discarded = await letters(link, "asr")
    await link.insist([("XDEL", keys.dead("asr"), discarded.id)])
    await link.evaluate(forget([ERASED], [ASR]))
    with admin(redis_url) as client:
        client.config_set("rdbcompression", "no")
        assert ERASED.encode() not in (client.dump(keys.dead_contents("asr")) or b"")
        assert client.xlen(keys.dead_contents("asr")) == 1


async def test_dead_letters_are_written_again_only_if_one_was_removed(link, redis_url):
    await dead(link, KEPT, ERASED)
    await link.evaluate(forget([ERASED], [ASR]))
    with admin(redis_url) as client:
        before = added(client)
        assert await link.evaluate(forget([ERASED], [ASR])) == [0, 0]
        assert added(client) == before


async def test_a_stage_that_never_had_work_has_nothing_to_forget(link):
    assert await link.evaluate(forget([ERASED], PIPELINE)) == [0] * 2 * len(PIPELINE)
    assert await link.call("EXISTS", WORK) == 0


async def test_doorbells_of_a_leg_forget_and_ring_again(link, redis_url):
    leg = Leg(ERASED, 0)
    doorbells = [keys.doorbell("asr", leg.doorbell), keys.out("gw")]
    reader = Link(admin_address(redis_url), "reader")
    await reader.connect()
    heard_by_now: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear() -> None:
        async for entries in heard(reader, doorbells[1:]):
            for _, fields in entries:
                heard_by_now.put_nowait(fields[0])

    hearing = asyncio.create_task(hear())
    await a_client_blocks(redis_url)
    await link.insist(
        [*keep(doorbells[1]), *(notify(key, (str(leg), "text")) for key in doorbells)]
    )
    assert [await heard_by_now.get() for _ in range(2)] == [b"", str(leg).encode()]
    await link.insist(silence([leg], ["gw"], PIPELINE))
    with admin(redis_url) as client:
        client.config_set("rdbcompression", "no")
        assert not any(ERASED.encode() in (client.dump(key) or b"") for key in doorbells)
    await link.insist([notify(doorbells[1], (f"{KEPT}.0", "text"))])
    async with asyncio.timeout(5):
        assert await heard_by_now.get() == f"{KEPT}.0".encode()
    hearing.cancel()
    await reader.close()
