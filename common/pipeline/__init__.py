"""The pipeline, written down once: its streams, its stages and its messages. No I/O, no clock.

Read in this order: `streams` (which keys there are, how their entries are numbered, how long they
live, who writes them), `stages` (who reads what and writes what), then the messages: `work`,
`control`, `speech`, `partial`, `text`, `trace`, `report`, `progress`. `record` turns them into
bytes.
"""
