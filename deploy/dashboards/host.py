"""What the machines have left, from Prometheus's node exporter.

There is no panel of the network: in compose the exporter sees its container's own, not the host's.
"""

from deploy.dashboards.panels import WINDOW, Panel, Query

_ON_DISK = '{fstype!~"tmpfs|ramfs"}'
_IDLE = f'rate(node_cpu_seconds_total{{mode=~"idle|iowait"}}{WINDOW})'

HOST = (
    Panel(
        title="Host: cores in use",
        text="Below 80 %. Above: steps and decodes wait for a core, and everything is late.",
        unit="percentunit",
        queries=[
            Query(
                f"1 - avg by (instance) (sum by (instance, cpu) ({_IDLE}))",
                "{{instance}}",
            )
        ],
        bad_from=0.9,
    ),
    Panel(
        title="Host: memory in use",
        text="Without page cache. Near 100 % the kernel kills what uses most, such as Redis.",
        unit="percentunit",
        queries=[
            Query(
                "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
                "{{instance}}",
            )
        ],
        bad_from=0.9,
    ),
    Panel(
        title="Host: file systems in use",
        text="Full below Redis's append-only file: it refuses writes, and no call is taken.",
        unit="percentunit",
        queries=[
            Query(
                f"1 - node_filesystem_avail_bytes{_ON_DISK} / node_filesystem_size_bytes{_ON_DISK}",
                "{{instance}} {{mountpoint}}",
            )
        ],
        bad_from=0.9,
    ),
    Panel(
        title="Host: disks busy",
        text="The share of time with a request open. Near 100 % Redis waits for its file.",
        unit="percentunit",
        queries=[
            Query(
                f"rate(node_disk_io_time_seconds_total{WINDOW})",
                "{{instance}} {{device}}",
            )
        ],
        bad_from=0.9,
    ),
)
