"""The benchmarks' command: ``python -m bench <benchmark> [options]``, from the repository's root.

    python -m bench all             every benchmark but gpu, profile, frames; JSON and plots
    python -m bench vad             the VAD's network against the official ones
    python -m bench denoise         noise suppression against the official runtime
    python -m bench asr             Whisper's decodes against faster-whisper's own; CPU engines
    python -m bench clauses         long utterances in clauses against whole ones: words, the end
    python -m bench context         finals with what was said before, and without
    python -m bench bus             what bus and gateway cost: CPU and latency with dummy engines
    python -m bench frames          what a frame costs before a session has it
    python -m bench live            how many live calls two cores recognise, and how late
    python -m bench distance        how late results are with Redis far away
    python -m bench calls           one call at a time: word error rate against offline, latencies
    python -m bench narrowband      what mu-law at 8 kHz costs in words, beside 16 kHz
    python -m bench confidence      how sure words are, and how often they are right
    python -m bench speakers        speech with a wrong speaker, of speakers on one channel
    python -m bench languages       words wrong in six languages, told and found
    python -m bench level           words wrong at the levels that lines have
    python -m bench noise           words wrong in noise, by what VAD and the recogniser hear
    python -m bench keyterms        names that keywords bring, and that they invent
    python -m bench nobody          words that are heard where nobody speaks
    python -m bench screens         what numbers and redact cost: time, processor, words
    python -m bench stable          how stable stable text is, what that costs, how late it comes
    python -m bench slots           expected answers that are dictated: in one slot, right, and soon
    python -m bench turns           when utterances end, by silence alone and by what was said
    python -m bench words           how far the times of words are from where they were spoken
    python -m bench overload        twice the calls that fit: refusals, and the effect on the others
    python -m bench admission       who is refused, and how late finals are, as callers grow
    python -m bench startup         imports, and the local stack until it is ready
    python -m bench scaling         how many processes 10 000 calls take, from what was measured
    python -m bench profile         where gateway and workers spend their time, as text
    python -m bench gpu             the vLLM engine with models of the real shapes and no weights
    python -m bench bus --help      its options; so with every benchmark

A benchmark is a module of this package with a ``main(argv)``; it starts and ends everything it
needs, listens on loopback only, and returns 0 when its own checks held. Figures stand beside a
named baseline, of the same run where that can be run: machines are noisy, ratios less so.
"""

import importlib
import sys
from collections.abc import Sequence

_BENCHMARKS = {
    "all": "bench.suite",
    "gpu": "bench.gpu.command",
    **{
        name: f"bench.{name}"
        for name in (
            "vad",
            "denoise",
            "asr",
            "clauses",
            "context",
            "bus",
            "frames",
            "live",
            "distance",
            "calls",
            "narrowband",
            "confidence",
            "languages",
            "speakers",
            "level",
            "noise",
            "nobody",
            "keyterms",
            "screens",
            "stable",
            "slots",
            "turns",
            "overload",
            "admission",
            "startup",
        )
    },
    "scaling": "bench.scaling",
    "words": "bench.word_times",
    "profile": "bench.profile",
}


def main(argv: Sequence[str]) -> int:
    """Run one benchmark; return the process's exit code."""
    if not argv or argv[0] not in _BENCHMARKS:
        print((__doc__ or "").strip(), file=sys.stderr)
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    # Each imports what it measures, and none waits for another's libraries.
    code: int = importlib.import_module(_BENCHMARKS[argv[0]]).main(argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
