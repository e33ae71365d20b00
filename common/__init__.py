"""What at least two services share: audio, the bus, the stage runtime, settings, telemetry."""
