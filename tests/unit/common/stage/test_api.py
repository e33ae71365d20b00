"""What stages are told of their work."""

import pytest

from common.bus import wire
from common.bus.keys import Leg
from common.pipeline.progress import Progress
from common.stage.api import CANDIDATE_FROM, Assignment, Snapshot


@pytest.mark.parametrize(
    ("epoch", "reopened", "candidate"),
    [
        (CANDIDATE_FROM - 1, 0, False),
        (CANDIDATE_FROM, 0, True),
        (CANDIDATE_FROM + 1, 1, True),
        (CANDIDATE_FROM + 1, 2, False),
    ],
)
def test_owners_that_were_only_reconnected_make_no_poison_candidate(epoch, reopened, candidate):
    leg = Leg.parse("0" * 32 + ".0")
    assignment = Assignment("key", leg, None, b"1-0", epoch, b"", "owner", reopened)
    assert assignment.candidate is candidate


@pytest.mark.parametrize(
    ("floor", "pins", "first"),
    [(1000, {}, 1000), (1000, {3: 400}, 400), (400, {3: 1000}, 400), (1000, {3: 700, 4: 600}, 600)],
)
def test_nothing_that_somebody_still_reads_is_trimmed(floor, pins, first):
    assert Snapshot(b"", Progress(wire.NOTHING), floor, pins).first_needed == first
