"""Writes the benchmarks' figures into the documents, from docs/measurements/*.json.

``python -m docs.figures`` rewrites the places between ``<!-- name -->`` and ``<!-- /name -->``.

``python -m bench all --record`` measures anew, as does ``python -m bench profile --json
docs/measurements/profile.json`` and ``make attack ARGS="--share --json
docs/measurements/attacks.json"``; ``make test-clients ARGS=--record`` measures the clients.
What no single run measures is recorded by hand: `targets`, `bus-before` (the release before) and
`other-servers`. So is `proof`, which is a report of ``callscribe prove`` without its samples.
"""
