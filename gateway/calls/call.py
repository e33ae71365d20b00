"""One call: the audio of its legs, its results, and who owns it. It may have a client or none.

Its states and their transitions are in `gateway.calls.state`. A client that resumes, here or at
another gateway, gets another `Call` of the same id; this one is then released.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from websockets.frames import CloseCode

from common.audio import seconds
from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import Cursor
from common.options import SessionOptions
from common.telemetry.logs import Log
from gateway.access.meter import Used
from gateway.calls.absence import Absence
from gateway.calls.attendance import Attendance, Audience, Ending
from gateway.calls.services import Services
from gateway.calls.state import RUNNING, State, Step, after
from gateway.calls.store import ERASED, Remains
from gateway.downlink.output import Output
from gateway.downlink.turn_counts import TurnCounts
from gateway.protocols.commands import ACK, LAG, Coding
from gateway.protocols.events import Ended, Failed, Final, GoingAway
from gateway.record import SessionRecord
from gateway.uplink.intake import Intake
from gateway.uplink.leg import StoredLeg
from gateway.uplink.throttle import Throttle

ELSEWHERE = "the call goes on over another connection"

_log = Log(__name__)


class Call:
    """A call from its first audio to its last final.

    `owner` tells this connection from all others of the call; `caller` identifies its client, which
    speaks `protocol`; both are empty without a client. For a call that goes on, `stored` is what
    Redis has of its audio, and `seq` is the last that its client has. `coding`: what its audio is
    compressed as. `over` is called once, when it has ended.

    Implements `gateway.feed.feed.Listener`.
    """

    def __init__(
        self,
        services: Services,
        record: SessionRecord,
        throttle: Throttle,
        over: Callable[["Call"], None],
        *,
        name: str,
        owner: str,
        caller: str = "",
        protocol: str = "",
        audience: Audience | None = None,
        stored: Sequence[StoredLeg] = (),
        seq: int = 0,
        coding: Coding | None = None,
    ) -> None:
        self.id = name
        self.owner = owner
        self.caller = caller
        self.throttle = throttle
        self.finishing_since: float | None = None
        self._client = Attendance(audience, throttle)
        self.intake = Intake(
            services.uplink,
            services.metrics,
            name,
            owner,
            record,
            throttle,
            self._client,
            stored=stored,
            on_superseded=self.doubt,
            coding=coding,
        )
        """Its audio."""
        self.output = Output(
            services.link,
            services.metrics,
            name,
            record,
            self.intake.arrivals,
            services.traces,
            TurnCounts(
                services.metrics.turns,
                services.meter,
                record.options,
                tenant=record.tenant,
                protocol=protocol,
            ),
            after=seq,
            words_wait=services.patience.words,
        )
        """Its results."""
        self.ended_before = bool(stored) and all(leg.ended for leg in stored)
        """Whether its end was written before it was resumed: only results are left to come."""
        self._services = services
        self._over = over
        self._state = State.OPENING
        self._ordinal = 0
        self._ran = False
        """Whether it was ever running: a call that was refused has used nothing."""
        self._remains: Remains | None = None
        """What is left of it now that it has ended; None if another goes on with it."""
        self._reason = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._absence = Absence(services.absent, caller, self.hang_up)

    @property
    def state(self) -> State:
        """Its state."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether Redis holds it, and this gateway owns it."""
        return self._state in RUNNING

    @property
    def attended(self) -> bool:
        """Whether it has a client."""
        return self._client.present

    @property
    def returns(self) -> bool:
        """Whether its client resumes it when it is released."""
        return self.running and ACK in self.intake.record.events

    @property
    def tells_lag(self) -> bool:
        """Whether its client wants to know how far recognition is behind."""
        return self.running and self.attended and LAG in self.intake.record.events

    @property
    def silence(self) -> float:
        """Seconds in which it was open and no audio came; 0 where none is read, or due any more."""
        waits = self._state in (State.OPEN, State.WAITING) and not self.throttle.paused
        return self.intake.arrivals.silence if waits else 0.0

    @property
    def used(self) -> Used:
        """What it has used so far."""
        record = self.intake.record
        legs = record.audio.channels
        return Used(
            session=self.id,
            tenant=record.tenant,
            key=record.key,
            legs=legs,
            audio=round(1000 * seconds(self.intake.position)) * legs,
            speech=round(1000 * seconds(self.output.spoken)),
        )

    # --- from its client ---

    def configure(self, options: SessionOptions, ordinal: int) -> None:
        """Let new options take effect after the audio so far."""
        self.intake.configure(options, ordinal)
        self.output.configure(options)

    def finish(self, ordinal: int = 0) -> None:
        """End it after the audio so far; `ordinal` numbers the client's control."""
        if self._state is State.ENDED:
            return
        self._ordinal = max(self._ordinal, ordinal)
        self._move(Step.FINISH)

    def hang_up(self) -> None:
        """End it without its client, which is told nothing more."""
        self._client.leave()
        self.finish()

    def leave(self) -> None:
        """Go on without its client, whose connection broke: it may resume the call for a while."""
        self._client.leave()
        patience = self._services.patience
        if self._state is State.ENDED:
            return
        if not patience.resume:
            self.finish()
            return
        self._move(Step.LEAVE)
        if self._state is State.WAITING and self._absence.begin(patience.resume, patience.absent):
            _log.info("session.waiting", session=self.id, seconds=patience.resume)

    # --- its course ---

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task that has to end before the call's keys are removed."""
        self._tasks.add(task := asyncio.create_task(work, name=f"{name}:{self.id}"))
        task.add_done_callback(self._tasks.discard)

    def stored(self) -> None:
        """Go on: Redis holds it now, and this gateway owns it."""
        self._ran = True
        self._services.metrics.sessions.inc()
        self._services.feed.add(self.id, self, self.intake.record.doorbell)
        self.intake.attach()
        self._move(Step.STORED)
        if self.ended_before:
            self._move(Step.FINISH)

    def release(self) -> None:
        """Release it because this gateway ends: another will go on with it."""
        ending = GoingAway(self._services.patience.resume)
        self._end(None, Ending(ending, CloseCode.SERVICE_RESTART, "going_away"))

    def supersede(self) -> None:
        """Release it: its client has resumed it over another connection."""
        if self._state is not State.ENDED:
            _log.info("session.superseded", session=self.id)
        failed = Failed("resumed_elsewhere", ELSEWHERE, fatal=True)
        self._end(None, Ending(failed, CloseCode.POLICY_VIOLATION, "resumed_elsewhere"))

    def abandon(self, *, stored: bool = False) -> None:
        """End it because it could not be opened; whatever calls this tells its client.

        `stored`: Redis may hold it anyway, so its keys stay for the gateway that finds them.
        """
        self._end(None if stored else Remains.NOTHING)

    def lose(self, code: str, text: str) -> None:
        """End it because its results will never be complete."""
        if self._state is not State.ENDED:
            _log.error("session.lost", session=self.id, reason=text)
        failed = Failed(code, text, fatal=True)
        self._end(Remains.BROKEN, Ending(failed, CloseCode.INTERNAL_ERROR, code))

    def lose_leg(self, channel: int) -> None:
        """Give the call up because a stage has given up this channel: its client may call again."""
        self.lose("internal_error", f"channel {channel} can no longer be transcribed; call again")

    def overdraw(self) -> None:
        """End it because its API key has no audio left; what was said is still transcribed."""
        if self.finishing_since is not None:
            return
        text = "the key's audio of the day is used up"
        self._client.tell([Failed("key_audio", text, fatal=False)])
        self.finish()

    def give_place(self) -> None:
        """End it because another client needs its place, and nothing was heard for long."""
        silence = round(self.silence)
        _log.info("session.silent", session=self.id, seconds=silence)
        text = f"no audio came for {silence} s, and another client needs the place"
        self._client.tell([Failed("silent", text, fatal=False)])
        self.finish()

    # --- its results ---

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """See `Listener`."""
        return self.output.cursors(kinds)

    def deliver(self, news: Mapping[bytes, list[wire.RawEntry]]) -> None:
        """See `Listener`."""
        results = self.output.read(news)
        if self.running and self.finishing_since is None:
            for hint in results.hints:
                self.intake.hint(hint)
        self._client.tell(results.events)
        finals = [each for each in results.events if isinstance(each, Final)]
        masks = [mask.entity for final in finals for mask in final.hidden or ()]
        self._services.meter.note_masks(self.intake.record.tenant, masks)
        if results.complete:
            self._end(Remains.WHOLE, Ending(Ended(), CloseCode.NORMAL_CLOSURE, "finished"))
        self.output.sent(results.events)

    def doubt(self) -> None:
        """See `Listener`."""
        self.spawn(self._look_who_owns(), "owner")

    def fail(self, error: Exception) -> None:
        """See `Listener`."""
        # What cannot be read now cannot be read at the next look either.
        _log.exception("session.failed", error, session=self.id)
        self.lose("internal_error", "the server made a mistake")

    def heard(self, heard: Mapping[int, int]) -> None:
        """Tell how far behind recognition is; `heard`: positions of channels, where known."""
        self._client.tell(self.output.lags(heard, self.intake.position))

    async def _look_who_owns(self) -> None:
        (owner,) = await self._services.store.owners([self.id])
        if owner is None:
            self.lose("session_lost", "Redis came back without this call")
        elif owner == ERASED:
            self.lose("erased", "the call was erased")
        elif owner != self.owner:
            self.supersede()
        elif given_up := await self._services.store.given_up([(self.id, self.intake.record)]):
            self.lose_leg(given_up[self.id][0])

    def _move(self, step: Step) -> None:
        before, self._state = self._state, after(self._state, step)
        if self._state is State.FINISHING and before is not State.FINISHING:
            self._absence.close()
            self.finishing_since = time.monotonic()
            if not self.ended_before:
                self.intake.finish(self._ordinal)

    def _end(self, remains: Remains | None, ending: Ending | None = None) -> None:
        """End it, unless it has ended; None remains of one that another goes on with."""
        if self._state is State.ENDED:
            return
        self._remains = remains
        self._reason = ending.reason if ending is not None else ""
        self.throttle.close()
        self._absence.close()
        if self.running:
            self._services.metrics.sessions.dec()
            self.output.close()
        self._move(Step.END)
        self._client.dismiss(ending)
        self._over(self)

    # --- afterwards ---

    async def dispose(self) -> None:
        """Remove the call's working keys; its transcript stays readable for the retention.

        For a released call, only the state in this process is removed.
        """
        waiting = self._tasks - {asyncio.current_task()}
        await asyncio.gather(*waiting, return_exceptions=True)
        services = self._services
        if self._remains is not None:
            await services.forget(self.id)
        services.feed.remove(self.id, self, self.intake.record.doorbell)
        self.intake.detach()
        if self._remains is None:
            return
        await services.traces.write()  # before its lifetime is set
        if self._ran:
            await services.meter.tell([self.used])
        kept = self.intake.record.retention or services.patience.retention
        mine = (self.id, self.owner, self.intake.record)
        await services.store.retire(*mine, retention=kept, remains=self._remains)
        if self._reason:
            services.spans.end(self.id, self.intake.record, self._reason, self.intake.position)
        spoken = round(seconds(self.intake.position), 2)
        _log.info("session.closed", session=self.id, seconds=spoken)
