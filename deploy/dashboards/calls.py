"""The dashboards of calls: all of them, one gateway's, and how late finals are."""

from deploy.dashboards.host import HOST
from deploy.dashboards.panels import WINDOW, Choice, Dashboard, Panel, Query, each, quantiles

_GATEWAY = '{instance=~"$gateway"}'
_FAILED = '{instance=~"$gateway", outcome="failed"}'

_FINALS = Panel(
    title="Finals after their endpoint",
    text="Usually below 0.3 s. Later: decodes do not finish within the silence; add ASR workers.",
    unit="s",
    queries=quantiles("callscribe_endpoint_to_final_seconds"),
    bad_from=0.5,
)
_PARTIALS = Panel(
    title="Partials after their audio",
    text="Below 0.5 s. Later: decodes queue; see the dashboard of recognisers.",
    unit="s",
    queries=quantiles("callscribe_partial_latency_seconds"),
    bad_from=0.5,
)
_REFUSALS = Panel(
    title="Refusals a minute",
    text="None. The reason says what is full: docs/operations.md, Admission.",
    unit="short",
    queries=[each("callscribe_refusals_total", "reason")],
)
_FULLNESS = Panel(
    title="Slots in use",
    text="Below 80 %. Above: start another worker of that stage.",
    unit="percentunit",
    queries=[Query("callscribe:slots_used:ratio", "{{stage}}")],
    bad_from=0.9,
)
_LAG = Panel(
    title="Behind the audio",
    text="Below 0.1 s beside Redis. From 0.5 s on calls are refused.",
    unit="s",
    queries=[Query("callscribe:lag:seconds", "{{stage}}")],
    bad_from=0.5,
)
CERTIFICATE = Panel(
    title="Certificate ends in",
    text="Weeks. After a renewal it grows within 10 s, without a restart.",
    unit="dtdurations",
    queries=[
        Query(
            "min by (instance) (callscribe_certificate_expiry_timestamp_seconds) - time()",
            "{{instance}}",
        )
    ],
    figure=True,
)

OVERVIEW = Dashboard(
    name="callscribe-overview",
    title="callscribe: overview",
    panels=[
        Panel(
            title="Calls",
            text="Open calls of all gateways.",
            unit="short",
            queries=[Query("sum(callscribe_sessions)", "calls")],
            figure=True,
        ),
        Panel(
            title="Workers",
            text="Live workers, by their heartbeats. None of vad or asr: no call is taken.",
            unit="short",
            queries=[Query("max by (stage) (callscribe_workers)", "{{stage}}")],
            figure=True,
        ),
        Panel(
            title="Alarms",
            text="Alerts that fire. docs/runbooks.md says what to do.",
            unit="short",
            queries=[Query('count(ALERTS{alertstate="firing"}) or vector(0)', "firing")],
            bad_from=1,
            figure=True,
        ),
        Panel(
            title="Versions",
            text="Processes by version. Two for long: a deployment is stuck.",
            unit="short",
            queries=[Query("count by (version) (callscribe_build_info)", "{{version}}")],
            figure=True,
        ),
        _FINALS,
        _PARTIALS,
        _REFUSALS,
        _FULLNESS,
        _LAG,
        Panel(
            title="Recognisers busy",
            text="Share of their decode places in use. Above 90 % partials come rarely.",
            unit="percentunit",
            queries=[Query("max(callscribe_recognisers_busy)", "busy")],
            bad_from=0.9,
        ),
        Panel(
            title="Audio received",
            text="Seconds of audio a second: about the number of channels that speak.",
            unit="short",
            queries=[Query(f"sum(rate(callscribe_audio_received_seconds_total{WINDOW}))", "audio")],
        ),
        Panel(
            title="Work taken over and given up, a minute",
            text="Take-overs only around deployments and crashes; dead letters never.",
            unit="short",
            queries=[
                Query(
                    f"sum by (stage) (rate(callscribe_takeovers_total{WINDOW})) * 60",
                    "{{stage}} taken over",
                ),
                Query(
                    f"sum by (stage) (rate(callscribe_dead_letters_total{WINDOW})) * 60",
                    "{{stage}} dead letters",
                ),
            ],
        ),
        Panel(
            title="Audio lost",
            text="Seconds of audio a second that legs lack. None.",
            unit="short",
            queries=[Query(f"sum(rate(callscribe_gap_seconds_total{WINDOW}))", "lost")],
        ),
        *HOST,
    ],
)

GATEWAY = Dashboard(
    name="callscribe-gateway",
    title="callscribe: one gateway",
    choice=Choice("gateway", "callscribe_sessions", "instance"),
    panels=[
        Panel(
            title="Calls",
            text="Near --max-sessions: start another gateway.",
            unit="short",
            queries=[Query(f"callscribe_sessions{_GATEWAY}", "{{instance}}")],
        ),
        Panel(
            title="Audio received",
            text="Seconds a second. Far below the channels: clients stall.",
            unit="short",
            queries=[
                Query(
                    "sum by (instance)"
                    f" (rate(callscribe_audio_received_seconds_total{_GATEWAY}{WINDOW}))",
                    "{{instance}}",
                )
            ],
        ),
        Panel(
            title="Finals after their endpoint",
            text="One gateway alone: its core is full, or its way to Redis is long.",
            unit="s",
            queries=quantiles("callscribe_endpoint_to_final_seconds", "instance", _GATEWAY),
            bad_from=0.5,
        ),
        Panel(
            title="Partials after their audio",
            text="As for finals.",
            unit="s",
            queries=quantiles("callscribe_partial_latency_seconds", "instance", _GATEWAY),
            bad_from=0.5,
        ),
        Panel(
            title="Turns cut by silence",
            text="Share of what silence ended. Many: longer silences, or endpointing turn.",
            unit="percentunit",
            queries=[
                Query(
                    "1 - sum by (endpointing)"
                    f' (rate(callscribe_turn_ends_total{{judged="over",{_GATEWAY[1:]}{WINDOW}))'
                    f" / sum by (endpointing) (rate(callscribe_turn_ends_total{_GATEWAY}{WINDOW}))",
                    "{{endpointing}}",
                )
            ],
        ),
        Panel(
            title="From the end of speech to its decision",
            text="What a bot waits before it may answer: about the silence asked for.",
            unit="s",
            queries=quantiles("callscribe_turn_delay_seconds", "endpointing", _GATEWAY),
        ),
        Panel(
            title="Refusals and clients' mistakes a minute",
            text="max_sessions and gateway_busy are this gateway's own: start another one.",
            unit="short",
            queries=[
                each("callscribe_refusals_total", "reason", _GATEWAY),
                each("callscribe_client_mistakes_total", "code", _GATEWAY),
            ],
        ),
        Panel(
            title="Calls resumed, a minute",
            text="Outside deployments: networks break, or gateways die.",
            unit="short",
            queries=[each("callscribe_resumptions_total", "instance", _GATEWAY)],
        ),
        Panel(
            title="Webhooks, messages a minute",
            text="Mostly delivered. Otherwise a receiver is in trouble; no call is delayed.",
            unit="short",
            queries=[each("callscribe_webhook_attempts_total", "outcome", _GATEWAY)],
        ),
        Panel(
            title="Writes to sinks that failed, a minute",
            text="None. Otherwise a sink is away or full; what it lacks is kept and tried again.",
            unit="short",
            queries=[each("callscribe_sink_attempts_total", "sink", _FAILED)],
        ),
        Panel(
            title="Traces dropped, a minute",
            text="None. Otherwise Redis is away or full; no result is late.",
            unit="short",
            queries=[each("callscribe_traces_dropped_total", "instance", _GATEWAY)],
        ),
        Panel(
            title="Spans dropped, a minute",
            text="None. Otherwise the collector is away or slow; no call waits for it.",
            unit="short",
            queries=[each("callscribe_spans_dropped_total", "reason", _GATEWAY)],
        ),
        Panel(
            title="Doorbells a second",
            text="Without `work` under load results wait for the sweep, up to 1 s.",
            unit="ops",
            queries=[
                Query(
                    f"sum by (outcome) (rate(callscribe_doorbells_total{_GATEWAY}{WINDOW}))",
                    "{{outcome}}",
                )
            ],
        ),
        CERTIFICATE,
    ],
)

_LATE = "callscribe:finals_late:ratio_rate"

OBJECTIVE = Dashboard(
    name="callscribe-objective",
    title="callscribe: service level",
    panels=[
        Panel(
            title="Late finals: budget spent in three days",
            text="99 % of the finals within 0.5 s of their endpoint. 1: as much as may be late.",
            unit="percentunit",
            queries=[Query(f"{_LATE}3d / 0.01", "of what three days may spend")],
            bad_from=1,
            figure=True,
        ),
        Panel(
            title="Finals a second",
            text="A handful is no evidence: below 0.01 nothing is alarmed.",
            unit="ops",
            queries=[Query("callscribe:finals:rate5m", "finals")],
            figure=True,
        ),
        Panel(
            title="Burn rate",
            text="How fast the budget of 30 days is spent. 14.4 for an hour or 6 for six: a page.",
            unit="short",
            queries=[Query(f"{_LATE}{each} / 0.01", each) for each in ("1h", "6h", "1d", "3d")],
            bad_from=14.4,
            wide=True,
        ),
        Panel(
            title="Burn rate of the short windows",
            text="An alarm ends as soon as these are low again.",
            unit="short",
            queries=[Query(f"{_LATE}{each} / 0.01", each) for each in ("5m", "30m", "2h")],
            bad_from=14.4,
            wide=True,
        ),
        Panel(
            title="Finals within",
            text="The objective is the line of 0.5 s.",
            unit="percentunit",
            queries=[
                Query(
                    "sum(rate(callscribe_endpoint_to_final_seconds_bucket"
                    f'{{le="{le}"}}{WINDOW}))'
                    f" / sum(rate(callscribe_endpoint_to_final_seconds_count{WINDOW}))",
                    f"{le} s",
                )
                for le in ("0.1", "0.3", "0.5", "1.0")
            ],
        ),
        Panel(
            title="Partials within",
            text="No objective: partials are elastic under load.",
            unit="percentunit",
            queries=[
                Query(
                    "sum(rate(callscribe_partial_latency_seconds_bucket"
                    f'{{le="{le}"}}{WINDOW}))'
                    f" / sum(rate(callscribe_partial_latency_seconds_count{WINDOW}))",
                    f"{le} s",
                )
                for le in ("0.5", "1.0")
            ],
        ),
        _FINALS,
        _REFUSALS,
    ],
)


def _of_a_day(figure: str, said: str = "") -> Query:
    """Return what each tenant used in 24 hours; its legend has the tenant, and `said`."""
    query = f"sum by (tenant) (increase(callscribe_tenant_{figure}_total[1d]))"
    return Query(query, f"{{{{tenant}}}} {said}".strip())


def _of_turns(share: str, part: str, whole: str) -> Query:
    """Return what `share` says of the quotient of two rates, by all that turns are counted by."""
    by = "tenant, language, protocol"
    part, whole = (f"sum by ({by}) (rate({each}{WINDOW}))" for each in (part, whole))
    return Query(share.format(f"{part} / {whole}"), "{{tenant}} {{language}} {{protocol}}")


_ENDS = "callscribe_tenant_turn_ends_total"
_DELAY = "callscribe_tenant_turn_delay_seconds"
_OF_KEYS = "(missing|unknown|revoked|expired)_(key|token)|spent_token|scope|origin|key_.+"

TENANTS = Dashboard(
    name="callscribe-tenants",
    title="callscribe: tenants",
    panels=[
        Panel(
            title="Channels that speak or listen",
            text="Seconds of audio a second. GET /v1/usage has the figures to go by.",
            unit="short",
            queries=[
                Query(
                    f"sum by (tenant) (rate(callscribe_tenant_audio_seconds_total{WINDOW}))",
                    "{{tenant}}",
                )
            ],
            wide=True,
        ),
        Panel(
            title="Audio of a day",
            text="All channels of a tenant's calls, in the last 24 hours.",
            unit="s",
            queries=[_of_a_day("audio_seconds")],
        ),
        Panel(
            title="Calls and their legs, of a day",
            text="In the last 24 hours. A call counts within 10 s of its beginning.",
            unit="short",
            queries=[_of_a_day("calls", "calls"), _of_a_day("legs", "legs")],
        ),
        Panel(
            title="Speech of a day",
            text="The part of the last 24 hours' audio that is speech.",
            unit="s",
            queries=[_of_a_day("speech_seconds")],
        ),
        Panel(
            title="Masks of an hour",
            text="What calls hide. None for long: what is said, or the recogniser, changed.",
            unit="short",
            queries=[
                Query("sum by (entity) (increase(callscribe_tenant_masks_total[1h]))", "{{entity}}")
            ],
        ),
        Panel(
            title="Turns cut by silence",
            text="Share of what silence ended. Many: longer silences for this tenant's calls.",
            unit="percentunit",
            queries=[_of_turns("1 - {}", f'{_ENDS}{{judged="over"}}', _ENDS)],
        ),
        Panel(
            title="From the end of speech to its decision",
            text="Mean wait of a tenant's bots: about the silence asked for.",
            unit="s",
            queries=[_of_turns("{}", f"{_DELAY}_sum", f"{_DELAY}_count")],
        ),
        Panel(
            title="Refused for their keys, a minute",
            text="Many of one reason: a client has a wrong key, or a limit is too low.",
            unit="short",
            queries=[each("callscribe_refusals_total", "reason", f'{{reason=~"{_OF_KEYS}"}}')],
        ),
    ],
)
