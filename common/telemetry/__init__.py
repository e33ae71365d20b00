"""What a process tells about itself: metrics, log records, health."""
