"""Every metric of the product, declared once, with its meaning and its remedy.

Those by tenant are in `gateway.access.tenant_metrics`.

Each process builds one `CollectorRegistry` and from it the groups that it needs; nothing uses
prometheus-client's global registry. Buckets bracket the objectives: a stage's tick within
16 ms, an event through the chain within 25 ms, a partial within 0.5 s, a final within 0.3 s of
its endpoint.
"""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from common.telemetry.turn_metrics import TurnMetrics

_STEP = (0.001, 0.002, 0.004, 0.008, 0.012, 0.016, 0.024, 0.032, 0.064, 0.128, 0.512)
_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def new_registry(*, version: str, service: str) -> CollectorRegistry:
    """Return a process's registry, holding `callscribe_build_info`.

    More than one `version` for longer than a roll-out: a deployment is stuck.
    """
    registry = CollectorRegistry()
    info = Info("callscribe_build", "Version and service of the process", registry=registry)
    info.info({"version": version, "service": service})
    return registry


@dataclass(frozen=True)
class BusMetrics:
    """The exchange between the process and Redis."""

    errors: Counter
    """Failed exchanges by `kind`: connect (no connection could be made), lost (one broke or fell
    silent), refused (Redis answered with an error). The first two end by themselves; if they go
    on, look at Redis. Refused writes are repeated: look for `OOM` in Redis's log, raise maxmemory,
    or look for legs that are not trimmed."""
    doorbells: Counter
    """Wake-ups received by `outcome`: work, or idle when the streams held nothing new.
    Mostly idle: harmless, but a wasted exchange each. None at all under load: stages run on
    their fallback interval alone, and latency shows it."""

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""
        return cls(
            errors=Counter(
                "callscribe_redis_errors_total",
                "Failed exchanges with Redis",
                ["kind"],
                registry=registry,
            ),
            doorbells=Counter(
                "callscribe_doorbells_total",
                "Wake-ups received over doorbell streams",
                ["outcome"],
                registry=registry,
            ),
        )


@dataclass(frozen=True)
class StageMetrics:
    """How one stage worker keeps up; every metric is labelled with its stage."""

    legs_owned: Gauge
    """Legs (ASR: utterances, align: texts) that this worker owns. At `slots`: start another."""
    slots: Gauge
    """Most that this worker may own; their sum over all workers limits admission."""
    lag: Gauge
    """Greatest age (s) of the newest audio of live calls when it was handled, since the last
    report; see `common.stage.lag`. The measure to scale by: above 0.5 for long, start another
    worker."""
    queue_wait: Histogram
    """Seconds from the offer of a work item to its adoption. Above one tick: no free slots."""
    batch_size: Histogram
    """Legs in one step of the engine. Near 1 under load: the tick is too short to batch."""
    step: Histogram
    """Seconds of one step of the engine. Above the tick: fewer slots, or a faster machine."""
    takeovers: Counter
    """Work taken from a worker whose lease ran out. Beyond deployments and crashes: workers
    stall for longer than `--lease-s`; look at their step time and CPU limits."""
    dead_letters: Counter
    """Dead letters: `callscribe dead-letters list` shows them and their reasons."""
    breaker_open: Gauge
    """1 while there are too many dead letters, more likely from a bad deploy than from bad audio:
    poison candidates wait. Look at the last deployment; it closes by itself."""

    @classmethod
    def build(cls, registry: CollectorRegistry, stage: str) -> Self:
        """Register the group; every value carries the label `stage`. Once per registry."""
        labels = ["stage"]
        return cls(
            legs_owned=Gauge(
                "callscribe_legs_owned",
                "Legs or utterances owned by the worker",
                labels,
                registry=registry,
            ).labels(stage),
            slots=Gauge(
                "callscribe_slots",
                "Legs or utterances that the worker may own at most",
                labels,
                registry=registry,
            ).labels(stage),
            lag=Gauge(
                "callscribe_lag_seconds",
                "Greatest recent age of the newest audio of live calls when it was handled",
                labels,
                registry=registry,
            ).labels(stage),
            queue_wait=Histogram(
                "callscribe_queue_wait_seconds",
                "Time from offer to adoption",
                labels,
                buckets=_LATENCY,
                registry=registry,
            ).labels(stage),
            batch_size=Histogram(
                "callscribe_batch_legs",
                "Legs in one step of the engine",
                labels,
                buckets=_BATCH,
                registry=registry,
            ).labels(stage),
            step=Histogram(
                "callscribe_step_seconds",
                "Time of one step of the engine",
                labels,
                buckets=_STEP,
                registry=registry,
            ).labels(stage),
            takeovers=Counter(
                "callscribe_takeovers_total",
                "Work taken over from a dead worker",
                labels,
                registry=registry,
            ).labels(stage),
            dead_letters=Counter(
                "callscribe_dead_letters_total",
                "Work items that became dead letters",
                labels,
                registry=registry,
            ).labels(stage),
            breaker_open=Gauge(
                "callscribe_breaker_open",
                "Whether poison candidates wait because there were many dead letters",
                labels,
                registry=registry,
            ).labels(stage),
        )


@dataclass(frozen=True)
class GatewayMetrics:
    """What callers get."""

    sessions: Gauge
    """Open sessions. Near `--max-sessions`: start another gateway."""
    audio: Counter
    """Seconds of audio received, every channel counted. Its rate over `sessions` is about the
    number of channels; well below: clients send slower than real time, or stall."""
    partial_latency: Histogram
    """Seconds from receiving the last audio of a partial to sending it. Above 0.5: decodes
    queue; see callscribe_decode_wait_seconds."""
    endpoint_to_final: Histogram
    """Seconds from the endpoint's decision to sending the final. Above 0.3: tentative decodes
    do not finish within the silence; add ASR workers."""
    resumptions: Counter
    """Calls that their client resumed. Beyond deployments: networks or gateways break."""
    refusals: Counter
    """Sessions refused by `reason`. `asr_load`, `asr_legs`, `asr_wait`, `asr_backlog`: ASR workers;
    `lag`, `<stage>_slots`, `<stage>_backlog`: workers of that stage; `max_sessions`, `max_files`,
    `gateway_busy`: gateways; `redis_memory`: a larger maxmemory; `key_sessions`: a client has its
    most calls already; `unavailable`: a stage has no live worker; `draining`: a deployment. Any
    other is a client's error code."""
    mistakes: Counter
    """Clients' mistakes that ended no call, by `code`: what was sent was not used. Rising with one
    code: a client or its adapter is wrong; `session.mistake` in the log says what it sent."""
    traces_dropped: Counter
    """Trace entries that were not kept, because Redis was away or full. No result depends on them.
    """
    spans_dropped: Counter
    """Spans of OpenTelemetry that were not kept, by `reason`: collector (it is away, or refused
    them), queue (more than `OTEL_BSP_MAX_QUEUE_SIZE` wait for it), waiting (too many calls ended
    together; counts calls). No call depends on them."""
    recognisers_busy: Gauge
    """Recent share of the recognisers' decode places in use. Below 0.7, counting the calls that
    have just come, no call is refused for `asr_load` or `asr_wait`."""
    workers: Gauge
    """Live workers by `stage`, by their heartbeats in Redis. 0 of VAD or ASR: calls are refused."""
    redis_memory: Gauge
    """Share of Redis's maxmemory in use, 0 where it has none. From 0.85 calls are refused: raise
    maxmemory."""
    turns: TurnMetrics

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""
        return cls(
            turns=TurnMetrics.build(registry),
            sessions=Gauge("callscribe_sessions", "Open sessions", registry=registry),
            audio=Counter(
                "callscribe_audio_received_seconds_total",
                "Audio received from clients",
                registry=registry,
            ),
            partial_latency=Histogram(
                "callscribe_partial_latency_seconds",
                "From a partial's last audio to its sending",
                buckets=_LATENCY,
                registry=registry,
            ),
            endpoint_to_final=Histogram(
                "callscribe_endpoint_to_final_seconds",
                "From an endpoint to the sending of its final",
                buckets=_LATENCY,
                registry=registry,
            ),
            resumptions=Counter(
                "callscribe_resumptions_total",
                "Calls that their client resumed",
                registry=registry,
            ),
            refusals=Counter(
                "callscribe_refusals_total",
                "Sessions refused",
                ["reason"],
                registry=registry,
            ),
            mistakes=Counter(
                "callscribe_client_mistakes_total",
                "Messages of clients that were not used",
                ["code"],
                registry=registry,
            ),
            traces_dropped=Counter(
                "callscribe_traces_dropped_total",
                "Trace entries that were not kept",
                registry=registry,
            ),
            spans_dropped=Counter(
                "callscribe_spans_dropped_total",
                "Spans that were not kept",
                ["reason"],
                registry=registry,
            ),
            recognisers_busy=Gauge(
                "callscribe_recognisers_busy",
                "Share of the recognisers' places in use",
                registry=registry,
            ),
            workers=Gauge(
                "callscribe_workers",
                "Workers with a recent heartbeat",
                ["stage"],
                registry=registry,
            ),
            redis_memory=Gauge(
                "callscribe_redis_memory_ratio",
                "Share of Redis's maxmemory in use",
                registry=registry,
            ),
        )


@dataclass(frozen=True)
class TlsMetrics:
    """The certificate that a gateway serves; without TLS there is no such metric."""

    expiry: Gauge
    """When the chain that is served ends, in s since 1970: its first certificate to end counts.
    Days ahead: renew it; the gateway serves the new files within 10 s, without a restart."""

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""
        return cls(
            expiry=Gauge(
                "callscribe_certificate_expiry_timestamp_seconds",
                "When the served certificate ends",
                registry=registry,
            ),
        )


@dataclass(frozen=True)
class VadMetrics:
    """What VAD finds missing."""

    gaps: Counter
    """Seconds of audio that legs lack, in jumps between audio ids. Any: a Redis that lost its last
    writes, a stage that was away for minutes, or a client that left frames out."""

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""
        return cls(
            gaps=Counter("callscribe_gap_seconds_total", "Audio that legs lack", registry=registry),
        )


@dataclass(frozen=True)
class AsrMetrics:
    """Decodes that wait for the engine or run in it; `priority` as in asr_worker/api.py."""

    decode: Histogram
    """Seconds of one decode by `priority`. Rising with `decodes_in_flight` at its limit: the
    engine is full; add workers."""
    decode_wait: Histogram
    """Seconds that a decode waited for a place by `priority`. Finals above 0.1: add workers, since
    finals already go first."""
    decodes_in_flight: Gauge
    """Decodes inside the engine; bounded by `--asr-concurrency`."""
    decodes_dropped: Counter
    """Decodes dropped by `priority`: refreshes under load are dropped by policy. A first partial
    among them: add workers."""
    tokens: Counter
    """Tokens of answered decodes by `kind`: prompt, cached (the part of the prompt that the engine
    had), generated; only if the engine counts them. A falling share of cached with the same calls:
    the engine's cache is too small for its load; fewer slots, or more memory for it."""

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""
        return cls(
            decode=Histogram(
                "callscribe_decode_seconds",
                "Time of one decode",
                ["priority"],
                buckets=_LATENCY,
                registry=registry,
            ),
            decode_wait=Histogram(
                "callscribe_decode_wait_seconds",
                "Time a decode waited for a place",
                ["priority"],
                buckets=_LATENCY,
                registry=registry,
            ),
            decodes_in_flight=Gauge(
                "callscribe_decodes_in_flight", "Decodes inside the engine", registry=registry
            ),
            decodes_dropped=Counter(
                "callscribe_decodes_dropped_total",
                "Decodes dropped before they ran",
                ["priority"],
                registry=registry,
            ),
            tokens=Counter(
                "callscribe_decode_tokens_total",
                "Tokens of decodes: read, found in the cache, written",
                ["kind"],
                registry=registry,
            ),
        )


@dataclass(frozen=True)
class AlignMetrics:
    """Texts in an aligner."""

    align: Histogram
    """Seconds that the engine took for one text. Rising with `legs_owned` at `slots`: the engine
    is full; add aligners."""
    without_words: Counter
    """Texts answered without words, by `reason` as in asr_worker/align/alignment.py. audio_gone:
    they were adopted too late; add aligners. full: the engine queues less than `slots`; use fewer
    slots. failed: the log says why. too_long and nothing_spoken: the text itself is the cause."""

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""
        return cls(
            align=Histogram(
                "callscribe_align_seconds",
                "Time of the engine for one text",
                buckets=_LATENCY,
                registry=registry,
            ),
            without_words=Counter(
                "callscribe_align_without_words_total",
                "Texts answered without words",
                ["reason"],
                registry=registry,
            ),
        )
