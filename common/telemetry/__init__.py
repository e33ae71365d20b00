"""What a process reports about itself: metrics, log records, health."""
