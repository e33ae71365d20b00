"""The scripts of sessions that change hands, on a real server: who counts, what counts once."""

import asyncio

import pytest

from common.bus import keys, scripts, wire
from common.bus.keys import Leg
from common.pipeline.control import COMMAND
from common.pipeline.record import pack
from common.redis.link import CommandError
from tests.integration.common.stage.toy_stage import asked, named

SESSION = "call"
LEG, OTHER = Leg(SESSION, 0), Leg(SESSION, 1)
META = LEG.meta
SCRIPTS = (
    *(scripts.CONTROL, scripts.ACQUIRE_CALL, scripts.RENEW_SESSIONS, scripts.ORPHANS),
    *(scripts.RENEW_CALL, scripts.RETIRE_CALL, scripts.FORGO_CALL, scripts.GIVE_BACK),
)


@pytest.fixture(autouse=True)
async def mortal_streams(link):
    """The streams' lifetime is the business of who writes their audio."""
    yield
    await link.run([("EXPIRE", leg.key("audio"), 60) for leg in (LEG, OTHER)])


async def open_session(link, owner="owner", **more):
    values = [part for pair in more.items() for part in pair]
    held = ("session", b"terms", "options", b"options", "secret", "digest", "owner", owner)
    await link.run([("HSET", META, *held, *values), ("EXPIRE", META, 60)])


def audio(end, samples=10):
    stream = LEG.key("audio")
    return ("XADD", stream, wire.entry_id(end, wire.AUDIO_ORDER), wire.AUDIO_FIELD, bytes(samples))


class TestControl:
    async def put(self, link, position, order=2, *, leg=LEG, kind="flush", **more):
        defaults = {"owner": "owner", "ordinal": 0, "ends": "", "options": b""}
        given = defaults | more
        arguments = (
            *(given["owner"], position, order, pack(asked(kind)), leg.channel),
            *(given["ordinal"], given["ends"], given["options"]),
        )
        (reply,) = await link.evaluate([(scripts.CONTROL, [leg.key("audio"), META], arguments)])
        return reply

    async def written(self, link, leg=LEG):
        """What the audio stream holds: (id, None for audio or the control's type)."""
        return [
            (
                i.decode(),
                named(COMMAND.unpack(fields[1])) if fields[0] == wire.CONTROL_FIELD else None,
            )
            for i, fields in await link.call("XRANGE", leg.key("audio"), "-", "+")
        ]

    async def test_a_control_stands_behind_the_audio_before_it(self, link):
        await open_session(link)
        await link.run([audio(100), audio(200)])
        assert await self.put(link, 200) == 1
        assert await self.put(link, 200, 3, kind="config") == 1
        await link.run([audio(300)])
        assert await self.written(link) == [
            *(("100-1", None), ("200-1", None), ("200-2", "flush"), ("200-3", "config")),
            ("300-1", None),
        ]

    async def test_it_may_be_the_first_of_all(self, link):
        await open_session(link)
        assert await self.put(link, 0, 2) == 1
        assert await self.written(link) == [("0-2", "flush")]

    async def test_each_of_the_clients_counts_once(self, link):
        await open_session(link)
        for ordinal in (1, 1, 2, 1, 2):
            assert await self.put(link, 0, ordinal=ordinal) == 1
        assert await self.written(link) == [("0-2", "flush"), ("0-3", "flush")]
        assert await link.call("HGET", META, "c0") == b"2"

    async def test_the_gateways_own_are_not_counted(self, link):
        await open_session(link)
        for _ in range(2):
            assert await self.put(link, 0, ordinal=0) == 1
        assert len(await self.written(link)) == 2
        assert await link.call("HGET", META, "c0") is None

    async def test_channels_count_for_themselves(self, link):
        await open_session(link)
        assert await self.put(link, 0, ordinal=1) == 1
        assert await self.put(link, 0, ordinal=1, leg=OTHER) == 1
        assert await self.written(link, OTHER) == [("0-2", "flush")]
        assert await link.call("HMGET", META, "c0", "c1") == [b"1", b"1"]

    @pytest.mark.parametrize("gone", [False, True])
    async def test_only_the_owner_may(self, link, gone):
        if not gone:
            await open_session(link, owner="another")
        assert await self.put(link, 0, ordinal=1, ends="1", options=b"x") == -1
        assert await self.written(link) == []
        left = await link.call("HMGET", META, "c0", "e0", "options")
        assert left == [None, None, None if gone else b"options"]
        # A session that is gone is not written down again.
        assert await link.call("EXISTS", META) == (0 if gone else 1)

    async def test_where_later_audio_is_there_already_it_takes_effect_behind_that(self, link):
        await open_session(link)
        await link.run([audio(100), audio(200)])
        assert await self.put(link, 150, 2, ordinal=1) == 1
        assert await self.put(link, 150, 3, ordinal=2, ends="1") == 1
        assert (await self.written(link))[2:] == [("200-2", "flush"), ("200-3", "flush")]
        # The end is where it took effect.
        assert await link.call("HGET", META, "e0") == b"200"

    async def test_also_where_that_audio_was_consumed_and_trimmed(self, link):
        await open_session(link)
        await link.run([audio(100), audio(200), ("XTRIM", LEG.key("audio"), "MAXLEN", 0)])
        assert await self.put(link, 150, 2) == 1
        assert await self.written(link) == [("200-2", "flush")]

    async def test_nothing_follows_the_end(self, link):
        await open_session(link)
        await link.run([audio(100)])
        assert await self.put(link, 100, kind="end", ordinal=1, ends="1") == 1
        for ordinal in (0, 1, 2):
            assert await self.put(link, 100, 3, ordinal=ordinal) == 1
            assert await self.put(link, 100, 3, ordinal=ordinal, ends="1", options=b"x") == 1
        assert await self.written(link) == [("100-1", None), ("100-2", "end")]
        assert await link.call("HMGET", META, "c0", "e0", "options") == [b"1", b"100", b"options"]

    async def test_the_end_of_one_channel_is_not_the_others(self, link):
        await open_session(link)
        await self.put(link, 0, ends="1")
        assert await self.put(link, 0, leg=OTHER) == 1
        assert await self.written(link, OTHER) == [("0-2", "flush")]

    async def test_options_change_with_the_control_that_changes_them(self, link):
        await open_session(link)
        await self.put(link, 0, ordinal=1, kind="config", options=b"new")
        assert await link.call("HGET", META, "options") == b"new"
        # Repeated late, it does not undo what a later one has changed.
        await self.put(link, 0, ordinal=2, kind="config", options=b"newer")
        await self.put(link, 0, ordinal=1, kind="config", options=b"new")
        assert await link.call("HGET", META, "options") == b"newer"
        await self.put(link, 0, ordinal=3)
        assert await link.call("HGET", META, "options") == b"newer"

    async def test_positions_of_days_keep_their_digits(self, link):
        await open_session(link)
        position = 16_000 * 86_400 * 30
        await link.run([audio(position)])
        assert await self.put(link, position - 5, ends="1") == 1
        assert (await self.written(link))[-1][0] == f"{position}-2"
        assert await link.call("HGET", META, "e0") == b"%d" % position


class TestTake:
    async def acquire(
        self,
        link,
        proof="digest",
        owner="new",
        gateway="g2",
        ttl=120,
        attempt=0,
        former="",
        channels=2,
    ):
        arguments = (proof, owner, gateway, ttl, attempt, former, channels)
        (found,) = await link.evaluate([(scripts.ACQUIRE_CALL, [META], arguments)])
        return found

    async def test_a_session_changes_hands_as_its_former_owner_left_it(self, link):
        await open_session(link, gateway="g1", seq=7, c0=2, e0=300, c1=3)
        assert await self.acquire(link) == [
            *(b"terms", b"options", b"g1", b"7"),
            *(b"2", b"300", b"3", None),
        ]
        facts = [b"terms", b"options", b"g2", b"7"]
        assert await self.acquire(link, channels=1) == [*facts, b"2", b"300"]
        assert await link.call("HMGET", META, "owner", "gateway") == [b"new", b"g2"]

    async def test_what_never_was_is_none(self, link):
        await open_session(link)
        assert await self.acquire(link) == [b"terms", b"options", *[None] * 6]

    @pytest.mark.parametrize("proof", ["wrong", "diges", "digest "])
    async def test_with_a_wrong_secret_nothing_changes(self, link, proof):
        await open_session(link, gateway="g1")
        assert await self.acquire(link, proof) == []
        assert await link.call("HMGET", META, "owner", "gateway") == [b"owner", b"g1"]
        assert await link.call("TTL", META) <= 60

    async def test_a_gateway_needs_no_proof(self, link):
        await open_session(link)
        assert (await self.acquire(link, ""))[0] == b"terms"

    @pytest.mark.parametrize("proof", ["", "digest"])
    async def test_what_is_gone_is_not_taken_and_leaves_nothing(self, link, proof):
        assert await self.acquire(link, proof) == []
        assert await link.call("EXISTS", META) == 0

    async def test_a_rest_that_is_no_session_is_not_taken(self, link):
        # COMMIT counts in the hash, and may do so as the last one.
        await link.run([("HSET", META, "seq", 3), ("EXPIRE", META, 60)])
        assert await self.acquire(link, "") == []

    async def test_it_lives_on_for_as_long_as_a_session_at_least(self, link):
        await open_session(link)
        await self.acquire(link)
        assert 60 < await link.call("TTL", META) <= 120
        # A transcript that is kept for longer is kept for longer.
        await link.call("EXPIRE", META, 300)
        await self.acquire(link)
        assert await link.call("TTL", META) > 120

    async def test_of_many_the_last_one_owns_it(self, link):
        await open_session(link)
        owners = [f"owner{n}" for n in range(20)]
        await asyncio.gather(*(self.acquire(link, owner=owner) for owner in owners))
        assert (await link.call("HGET", META, "owner")).decode() in owners

    async def test_an_attempt_that_was_given_up_comes_too_late(self, link):
        await open_session(link)
        assert (await self.acquire(link, owner="later", attempt=7))[0] == b"terms"
        for attempt in (6, 7):
            assert await self.acquire(link, owner="earlier", attempt=attempt) == -1
            assert await link.call("HGET", META, "owner") == b"later"
        assert (await self.acquire(link, owner="latest", attempt=8))[0] == b"terms"
        assert await link.call("HGET", META, "owner") == b"latest"

    async def test_an_attempt_may_be_repeated(self, link):
        await open_session(link)
        first = await self.acquire(link, attempt=7)
        assert (await self.acquire(link, attempt=7))[0] == first[0]

    async def test_a_number_that_anybody_could_name_changes_nothing(self, link):
        await open_session(link)
        assert await self.acquire(link, "wrong", attempt=9) == []
        assert (await self.acquire(link, attempt=1))[0] == b"terms"

    async def test_whoever_does_not_number_attempts_takes_it_as_ever(self, link):
        await open_session(link)
        await self.acquire(link, owner="numbered", attempt=7)
        assert (await self.acquire(link, owner="not numbered"))[0] == b"terms"
        assert await link.call("HGET", META, "owner") == b"not numbered"

    async def test_from_a_dead_owner_it_is_taken_only_while_it_is_that_ones(self, link):
        await open_session(link, owner="dead", gateway="g1")
        assert await self.acquire(link, "", owner="adopter", former="another", attempt=3) == -1
        left = await link.call("HMGET", META, "owner", "gateway", "attempt")
        assert left == [b"dead", b"g1", None]
        assert await link.call("TTL", META) <= 60
        assert (await self.acquire(link, "", owner="adopter", former="dead"))[0] == b"terms"
        assert await link.call("HGET", META, "owner") == b"adopter"

    async def test_what_is_gone_has_no_owner_that_it_could_be_taken_from(self, link):
        assert await self.acquire(link, "", former="dead") == []
        assert await link.call("EXISTS", META) == 0

    async def test_where_the_owner_was_lost_it_is_not_the_one_that_was_expected(self, link):
        await open_session(link)
        await link.call("HDEL", META, "owner")
        assert await self.acquire(link, "", former="dead") == -1
        assert (await self.acquire(link, ""))[0] == b"terms"


class TestOrphans:
    async def renew(self, link, *sessions):
        await link.evaluate([(scripts.RENEW_SESSIONS, [keys.sessions()], ("", *sessions))])

    async def orphans(self, link, silence_ms, most=50, take="1"):
        arguments = (silence_ms, most, take)
        (found,) = await link.evaluate([(scripts.ORPHANS, [keys.sessions()], arguments)])
        return found

    async def silent(self, link, session, milliseconds):
        """Have a session's last renewal so long ago, by Redis's clock."""
        seconds, micros = await link.call("TIME")
        now = int(seconds) * 1000 + int(micros) // 1000
        await link.call("ZADD", keys.sessions(), now - milliseconds, session)

    async def test_a_renewal_is_dated_by_redis(self, link):
        await self.renew(link, "a", "b")
        seconds, _ = await link.call("TIME")
        for session in ("a", "b"):
            score = float(await link.call("ZSCORE", keys.sessions(), session))
            assert abs(score / 1000 - int(seconds)) < 5

    async def test_renewing_none_is_allowed(self, link):
        await self.renew(link)
        assert await link.call("EXISTS", keys.sessions()) == 0

    async def test_what_was_struck_off_is_not_listed_by_a_renewal_under_way(self, link):
        await self.renew(link, "a", "b")
        await link.call("ZREM", keys.sessions(), "a")
        renewal = (scripts.RENEW_SESSIONS, [keys.sessions()], ("XX", "a", "b"))
        await link.evaluate([renewal])
        assert await link.call("ZRANGE", keys.sessions(), 0, -1) == [b"b"]

    async def test_only_those_are_found_that_are_silent_for_long(self, link):
        await self.renew(link, "young")
        await self.silent(link, "old", 70_000)
        await self.silent(link, "older", 90_000)
        assert await self.orphans(link, 80_000) == [b"older"]
        assert await self.orphans(link, 60_000) == [b"old"]
        assert await self.orphans(link, 60_000) == []

    async def test_a_look_takes_none(self, link):
        await self.silent(link, "old", 70_000)
        for _ in range(2):
            assert await self.orphans(link, 60_000, take="0") == [b"old"]
        assert await self.orphans(link, 60_000) == [b"old"]
        assert await self.orphans(link, 60_000, take="0") == []

    async def test_a_renewal_takes_one_off_the_list(self, link):
        await self.silent(link, "old", 70_000)
        await self.renew(link, "old")
        assert await self.orphans(link, 60_000) == []

    async def test_each_goes_to_one_gateway_and_to_no_more_than_it_takes(self, link):
        for number in range(30):
            await self.silent(link, f"s{number}", 70_000 + number)
        shares = await asyncio.gather(*(self.orphans(link, 60_000, 8) for _ in range(6)))
        found = [session for share in shares for session in share]
        assert len(found) == len(set(found)) == 30
        assert max(map(len, shares)) == 8

    async def test_one_whose_adopter_dies_too_is_found_again(self, link):
        await self.silent(link, "old", 70_000)
        assert await self.orphans(link, 60_000) == [b"old"]
        await self.silent(link, "old", 60_001)
        assert await self.orphans(link, 60_000) == [b"old"]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_redis_knows_each_script_by_its_digest(link, script):
    assert await link.call("SCRIPT", "LOAD", script.source) == script.digest.encode()


async def test_a_control_in_a_transaction_is_carried_out_or_refused_with_the_rest(link):
    # As the uplink sends it: not by its digest, between MULTI and EXEC.
    await open_session(link)
    body = pack(asked("flush"))
    arguments = ("owner", 100, 2, body, 0, 1, "", b"")
    control = ("EVAL", scripts.CONTROL.source, 2, LEG.key("audio"), META, *arguments)
    replies = await link.run([("MULTI",), audio(100), control, ("EXEC",)])
    assert not any(isinstance(reply, CommandError) for reply in replies)
    assert replies[-1] == [b"100-1", 1]
