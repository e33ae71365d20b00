"""Spans of calls and utterances for OpenTelemetry, made when a call is over."""
