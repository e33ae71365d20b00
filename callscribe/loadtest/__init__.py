"""`callscribe loadtest`: real-time callers for any callscribe server, and their results.

`plan`, `tally` and `scoring` are pure; `speech` prepares the audio that all callers share,
`pacing` sends it, `caller` is one call, `load` keeps the calls up, `command` runs everything.
"""
