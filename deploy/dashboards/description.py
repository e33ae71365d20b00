"""Every dashboard. Together they show every metric of the table in docs/operations.md."""

from deploy.dashboards.calls import GATEWAY, OBJECTIVE, OVERVIEW, TENANTS
from deploy.dashboards.workers import RECOGNISERS, REDIS, STAGE

DASHBOARDS = (OVERVIEW, STAGE, GATEWAY, RECOGNISERS, REDIS, OBJECTIVE, TENANTS)

OTHERS = {
    "ALERTS": ("alertname", "alertstate", "severity"),
    "DCGM_FI_DEV_FB_FREE": ("gpu",),
    "DCGM_FI_DEV_FB_USED": ("gpu",),
    "DCGM_FI_DEV_GPU_TEMP": ("gpu",),
    "DCGM_FI_DEV_GPU_UTIL": ("gpu",),
    "DCGM_FI_DEV_POWER_USAGE": ("gpu",),
    "node_cpu_seconds_total": ("cpu", "mode"),
    "node_disk_io_time_seconds_total": ("device",),
    "node_filesystem_avail_bytes": ("device", "fstype", "mountpoint"),
    "node_filesystem_size_bytes": ("device", "fstype", "mountpoint"),
    "node_memory_MemAvailable_bytes": (),
    "node_memory_MemTotal_bytes": (),
    "redis_aof_last_write_status": (),
    "redis_commands_duration_seconds_total": ("cmd",),
    "redis_commands_total": ("cmd",),
    "redis_connected_clients": (),
    "redis_cpu_sys_seconds_total": (),
    "redis_cpu_user_seconds_total": (),
    "redis_evicted_keys_total": (),
    "redis_memory_max_bytes": (),
    "redis_memory_used_bytes": (),
    "redis_net_input_bytes_total": (),
    "redis_net_output_bytes_total": (),
    "redis_up": (),
}
"""Metrics that are not ours, with their labels: Prometheus's own, those of NVIDIA's DCGM exporter,
of the node exporter and of the Redis exporter."""
