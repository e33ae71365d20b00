"""Sixty faults of one line each: what stands in a file, and what is put in its place."""

from tests.faults.fault import Fault

GATEWAY = (
    Fault("gateway/uplink/leg.py", "self.waiting += len(pcm)", "self.waiting = len(pcm)"),
    Fault("gateway/uplink/leg.py", "self._order += 1", "self._order += 0"),
    Fault("gateway/uplink/leg.py", "if known > 0:", "if known > 1600:"),
    Fault("gateway/uplink/marks.py", "place = 2 * position + 1", "place = 2 * position"),
    Fault("gateway/uplink/marks.py", "if place > self._unknown", "if place >= self._unknown"),
    Fault("gateway/uplink/throttle.py", "waiting <= MOST_WAITING // 2", "waiting <= MOST_WAITING"),
    Fault("gateway/uplink/stored.py", "totals[call.client] > _OF_A_CLIENT", "False"),
    Fault("gateway/calls/state.py", "if state is not State.ENDED},", "if state is State.OPEN},"),
    Fault("gateway/calls/call.py", "elif owner == ERASED:", "elif owner is ERASED:"),
    Fault("gateway/calls/store.py", "if found == -1:", "if found == -2:"),
    Fault("gateway/calls/maintenance.py", "patience = 2 if late or moved", "patience = 2 if late"),
    Fault("gateway/calls/maintenance.py", ">= 1000 * most and", ">= most and"),
    Fault("gateway/access/gate.py", 'said.count(".") != 2', 'said.count(".") == 2'),
    Fault("gateway/access/gate.py", "if later and not said:", "if later:"),
    Fault("gateway/access/tokens.py", "len(token) > _LONGEST", "len(token) > 2 * _LONGEST"),
    Fault(
        "gateway/access/meter.py", "if by not in (None, session.encode()):", "if by is not None:"
    ),
    Fault("gateway/feed/results.py", "if utterance > self.last_item and", "if utterance >= 0 and"),
    Fault("gateway/feed/results.py", "max(self.seen_item, number)", "min(self.seen_item, number)"),
    Fault("gateway/downlink/output.py", "seconds(max(0, position - until))", "seconds(position)"),
    Fault("gateway/feed/keywords.py", "word.end <= event.stable", "word.start <= event.stable"),
    Fault("gateway/admission/capacity.py", "if value > self._close:", "if value > self._open:"),
    Fault("gateway/turns/budget.py", "min(seconds, _MOST)", "seconds"),
    Fault("gateway/websocket/frames.py", "extra = 2 if length", "extra = 4 if length"),
    Fault("gateway/websocket/frames.py", "if length > most:", "if length >= most:"),
    Fault("gateway/webhooks/delivery.py", "if 200 <= status < 300:", "if 200 <= status < 400:"),
)
"""Of the gateway: bounds, states, units, and who may do what."""

BUS = (
    Fault("common/bus/control.lua", "minor >= order", "minor > order"),
    Fault("common/bus/control.lua", "ordinal <= tonumber(redis", "ordinal < tonumber(redis"),
    Fault("common/bus/commit.lua", "if number <= last then", "if number < last then"),
    Fault("common/bus/commit.lua", "item.shown and 1 or 0", "item.shown and 1 or 1"),
    Fault("common/bus/acquire_call.lua", "if attempt < latest then", "if attempt > latest then"),
    Fault("common/bus/acquire_call.lua", "~= '' and ARGV[1] ~= secret", "~= '' and not secret"),
    Fault("common/bus/reserve_calls.lua", "KEYS[1]) < most", "KEYS[1]) <= most"),
    Fault(
        "common/bus/use.lua", "tonumber(ARGV[3]) - tonumber(before[1] or 0)", "tonumber(ARGV[3])"
    ),
    Fault("common/bus/may_call.lua", "opened >= most_calls", "opened > most_calls"),
    Fault("common/bus/release.lua", "== entry then", "~= '' then"),
    Fault("common/bus/wire.py", "if len(fields) == 2:", "if len(fields) >= 2:"),
    Fault("common/rates.py", "max(0.0, now - self._at) * self._rate", "self._rate"),
    Fault("common/backoff.py", "first * 2.0", "first * 1.0"),
    Fault("common/redis/connection.py", "self.generation += 1", "self.generation += 0"),
    Fault("common/redis/cluster.py", "key[start:end] if end > start", "key[start:] if end > start"),
)
"""Of what all processes share: scripts, fences, and the Redis client."""

STAGE = (
    Fault("common/stage/api.py", "self.epoch - self.reopened >=", "self.epoch >="),
    Fault(
        "common/stage/reader.py",
        "wire.id_halves(entry[0]) > last",
        "wire.id_halves(entry[0]) >= last",
    ),
    Fault("common/stage/publisher.py", "if control.stream_id > emitted:", "if True:"),
    Fault("common/stage/publisher.py", "if events.at > emitted", "if events.at >= emitted"),
    Fault("common/stage/portion.py", "min(LARGEST if more else MOST_ENTRIES,", "min(LARGEST,"),
    Fault("common/stage/api.py", "min([self.floor,", "max([self.floor,"),
    Fault("common/stage/breaker.py", "now - self._last > _CLOSED_AFTER", "now - self._last < 0"),
)
"""Of the runtime of all stages: fencing, failover, what is read again."""

WORKERS = (
    Fault("vad_worker/endpointer.py", "self._m.heard - self._params.pre_roll", "self._m.heard"),
    Fault(
        "vad_worker/endpointer.py",
        "IDLE and 0.0 <= probability < threshold",
        "IDLE and 0.0 <= probability",
    ),
    Fault("vad_worker/framing.py", "if start > self._end:", "if start >= self._end + 512:"),
    Fault("vad_worker/tones.py", "(high < _MOST_TWIST * low)", "(high > 0)"),
    Fault("asr_worker/scheduler.py", "if partial != self._shown:", "if partial == self._shown:"),
    Fault("asr_worker/stabilizer.py", "len(keys) - 1)", "len(keys))"),
    Fault("asr_worker/recording.py", "if missing > 0:", "if missing > 1600:"),
    Fault(
        "asr_worker/clauses.py", "while pause - last > _MOST:", "while pause - last > 2 * _MOST:"
    ),
    Fault("denoise_worker/leg.py", "self._taken += len(fresh)", "self._taken += len(chunk.pcm)"),
)
"""Of the workers: positions, bounds, what is heard and shown."""

CLIENTS = (
    Fault("callscribe/client/replay_buffer.py", "if start <= self._start:", "if start < 0:"),
    Fault("callscribe/client/redialling.py", "if left <= 0:", "if left < -60:"),
    Fault(
        "callscribe/client/delivery.py", "new = event.seq > self.seq", "new = event.seq >= self.seq"
    ),
    Fault("callscribe/loadtest/scoring.py", "+= result.deletions", "+= result.insertions"),
)
"""Of the clients: what is sent again, and what is told twice."""

FAULTS = (*GATEWAY, *BUS, *STAGE, *WORKERS, *CLIENTS)
