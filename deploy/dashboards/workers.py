"""The dashboards of what serves calls: a stage, recognisers with their GPUs, Redis."""

from deploy.dashboards.panels import WINDOW, Choice, Dashboard, Panel, Query, each, quantiles

_STAGE = '{stage=~"$stage"}'

STAGE = Dashboard(
    name="callscribe-stage",
    title="callscribe: one stage",
    choice=Choice("stage", "callscribe_slots", "stage"),
    panels=[
        Panel(
            title="Work items owned",
            text="Legs; utterances in asr, texts in align. At the slots: start another worker.",
            unit="short",
            queries=[
                Query(f"sum by (stage) (callscribe_legs_owned{_STAGE})", "{{stage}} owned"),
                Query(f"sum by (stage) (callscribe_slots{_STAGE})", "{{stage}} slots"),
            ],
        ),
        Panel(
            title="Owned by each worker",
            text="Even: idle workers are asked first.",
            unit="short",
            queries=[Query(f"callscribe_legs_owned{_STAGE}", "{{instance}}")],
        ),
        Panel(
            title="Behind the audio, each worker",
            text="Below 0.1 s. One alone: a slow machine. All: start another, or Redis is far.",
            unit="s",
            queries=[Query(f"callscribe_lag_seconds{_STAGE}", "{{instance}}")],
            bad_from=0.5,
        ),
        Panel(
            title="From offer to adoption",
            text="Below a tick. Above: no free slots. It compares the clocks of two machines.",
            unit="s",
            queries=quantiles("callscribe_queue_wait_seconds", "stage", _STAGE),
        ),
        Panel(
            title="One step",
            text="Below the tick (16 ms in vad, 20 ms in denoise). Above: fewer slots.",
            unit="s",
            queries=quantiles("callscribe_step_seconds", "stage", _STAGE),
        ),
        Panel(
            title="Legs in a step",
            text="Near 1 under load: the tick is too short to batch.",
            unit="short",
            queries=quantiles("callscribe_batch_legs", "stage", _STAGE),
        ),
        Panel(
            title="Taken over, a minute",
            text="Outside deployments and crashes: workers stall; look at steps and CPU limits.",
            unit="short",
            queries=[each("callscribe_takeovers_total", "instance", _STAGE)],
        ),
        Panel(
            title="Dead letters a minute",
            text="None. `callscribe dead-letters list` shows them.",
            unit="short",
            queries=[each("callscribe_dead_letters_total", "instance", _STAGE)],
        ),
        Panel(
            title="Breaker",
            text="1 while there are too many dead letters: look at the last deployment.",
            unit="bool",
            queries=[Query(f"max by (stage) (callscribe_breaker_open{_STAGE})", "{{stage}}")],
            figure=True,
            bad_from=1,
        ),
        Panel(
            title="Workers alive",
            text="By their heartbeats, as the gateways see them.",
            unit="short",
            queries=[Query(f"max by (stage) (callscribe_workers{_STAGE})", "{{stage}}")],
            figure=True,
        ),
    ],
)

RECOGNISERS = Dashboard(
    name="callscribe-recognisers",
    title="callscribe: recognisers and GPUs",
    panels=[
        Panel(
            title="One decode",
            text="Rising while decodes in flight are at their limit: the engine is full.",
            unit="s",
            queries=quantiles("callscribe_decode_seconds", "priority"),
        ),
        Panel(
            title="Wait for a place",
            text="Finals below 0.1 s, else add workers.",
            unit="s",
            queries=quantiles("callscribe_decode_wait_seconds", "priority"),
            bad_from=0.1,
        ),
        Panel(
            title="Decodes in flight",
            text="At most --asr-concurrency of each worker.",
            unit="short",
            queries=[Query("sum by (instance) (callscribe_decodes_in_flight)", "{{instance}}")],
        ),
        Panel(
            title="Decodes dropped, a minute",
            text="refresh is normal under load; first_partial: add workers.",
            unit="short",
            queries=[each("callscribe_decodes_dropped_total", "priority")],
        ),
        Panel(
            title="Tokens a second",
            text="Of the engine vllm.",
            unit="ops",
            queries=[
                Query(
                    f"sum by (kind) (rate(callscribe_decode_tokens_total{WINDOW}))",
                    "{{kind}}",
                )
            ],
        ),
        Panel(
            title="Prompt tokens from the cache",
            text="A falling share: the cache is too small; fewer slots or more memory.",
            unit="percentunit",
            queries=[
                Query(
                    f'sum(rate(callscribe_decode_tokens_total{{kind="cached"}}{WINDOW}))'
                    f' / sum(rate(callscribe_decode_tokens_total{{kind="prompt"}}{WINDOW}))',
                    "cached",
                )
            ],
        ),
        Panel(
            title="Aligning one text",
            text="Rising while align is at its slots: add aligners.",
            unit="s",
            queries=quantiles("callscribe_align_seconds"),
        ),
        Panel(
            title="Texts without words, a minute",
            text="audio_gone: add aligners; full: fewer --align-slots.",
            unit="short",
            queries=[each("callscribe_align_without_words_total", "reason")],
        ),
        Panel(
            title="GPU in use",
            text="Near 1 while finals are late: add GPUs. From NVIDIA's DCGM exporter.",
            unit="percentunit",
            queries=[Query("DCGM_FI_DEV_GPU_UTIL / 100", "GPU {{gpu}}")],
        ),
        Panel(
            title="GPU memory in use",
            text="vLLM takes its share at the start and keeps it.",
            unit="percentunit",
            queries=[
                Query(
                    "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)",
                    "GPU {{gpu}}",
                )
            ],
        ),
        Panel(
            title="GPU power",
            text="Falling under load: the GPU is throttled.",
            unit="watt",
            queries=[Query("DCGM_FI_DEV_POWER_USAGE", "GPU {{gpu}}")],
        ),
        Panel(
            title="GPU temperature",
            text="Near its limit the GPU slows down.",
            unit="celsius",
            queries=[Query("DCGM_FI_DEV_GPU_TEMP", "GPU {{gpu}}")],
        ),
    ],
)

REDIS = Dashboard(
    name="callscribe-redis",
    title="callscribe: Redis",
    panels=[
        Panel(
            title="Share of maxmemory",
            text="As admission sees it: from 85 % calls are refused, from 92 % sockets are paused.",
            unit="percentunit",
            queries=[Query("callscribe:redis_memory:ratio", "in use")],
            bad_from=0.75,
        ),
        Panel(
            title="Failed exchanges, a minute",
            text="None. connect and lost end by themselves; refused: at maxmemory, or loading.",
            unit="short",
            queries=[each("callscribe_redis_errors_total", "kind")],
        ),
        Panel(
            title="Doorbells a second, all processes",
            text="Mostly `idle` costs an exchange each, and no more.",
            unit="ops",
            queries=[
                Query(f"sum by (outcome) (rate(callscribe_doorbells_total{WINDOW}))", "{{outcome}}")
            ],
        ),
        Panel(
            title="Up",
            text="From the Redis exporter, as are the panels below.",
            unit="bool",
            queries=[Query("redis_up", "{{instance}}")],
            figure=True,
        ),
        Panel(
            title="Memory",
            text="The limit is 0 where there is none.",
            unit="bytes",
            queries=[
                Query("redis_memory_used_bytes", "{{instance}} used"),
                Query("redis_memory_max_bytes", "{{instance}} limit"),
            ],
        ),
        Panel(
            title="Core in use",
            text="Redis works on one core. Near 1: a cluster (docs/scaling.md).",
            unit="percentunit",
            queries=[
                Query(
                    f"rate(redis_cpu_sys_seconds_total{WINDOW})"
                    f" + rate(redis_cpu_user_seconds_total{WINDOW})",
                    "{{instance}}",
                )
            ],
            bad_from=0.8,
        ),
        Panel(
            title="Commands a second",
            text="The ten most frequent.",
            unit="ops",
            queries=[
                Query(
                    f"topk(10, sum by (cmd) (rate(redis_commands_total{WINDOW})))",
                    "{{cmd}}",
                )
            ],
        ),
        Panel(
            title="Time of a command",
            text="Tens of microseconds. Rising for all: its core or its disk is full.",
            unit="s",
            queries=[
                Query(
                    f"sum(rate(redis_commands_duration_seconds_total{WINDOW}))"
                    f" / sum(rate(redis_commands_total{WINDOW}))",
                    "mean",
                )
            ],
        ),
        Panel(
            title="Clients",
            text="Three for each gateway and two for each worker, roughly.",
            unit="short",
            queries=[Query("redis_connected_clients", "{{instance}}")],
        ),
        Panel(
            title="Network",
            text="Audio takes 32 kB a second and leg, each time it is read or written.",
            unit="Bps",
            queries=[
                Query(f"rate(redis_net_input_bytes_total{WINDOW})", "{{instance}} in"),
                Query(f"rate(redis_net_output_bytes_total{WINDOW})", "{{instance}} out"),
            ],
        ),
        Panel(
            title="Keys evicted, a minute",
            text="None: maxmemory-policy must be noeviction.",
            unit="short",
            queries=[Query(f"rate(redis_evicted_keys_total{WINDOW}) * 60", "{{instance}}")],
            bad_from=1,
        ),
        Panel(
            title="Last write of the append-only file",
            text="1: it succeeded. 0: the disk is full or broken.",
            unit="bool",
            queries=[Query("redis_aof_last_write_status", "{{instance}}")],
            figure=True,
        ),
    ],
)
