"""Leaks of secrets, in a place each: `tests.leaks` has to find every one of them."""

from tests.faults.fault import Fault

LEAKS = (
    # What a recogniser writes.
    Fault("common/stage/texts.py", "effect, text=screen.partial(partial))", "effect)"),
    Fault("common/stage/texts.py", "effect, item=screen.final(final))", "effect)"),
    Fault("common/stage/texts.py", "effect, work=screen.request(work))", "effect)"),
    Fault("common/stage/texts.py", "screen.audio(audio))", "audio)"),
    Fault("asr_worker/screening.py", "_respelled(words, final.text, text)", "words"),
    # Its logs and metrics.
    Fault(
        "asr_worker/stage.py",
        "return reason_of(error, quoting=False)",
        "return str(error)",
    ),
    Fault(
        "asr_worker/stage.py",
        '"utterance.broken", error, quoting=quoting',
        '"utterance.broken", error, quoting=True',
    ),
    Fault(
        "asr_worker/stage.py",
        "priority = _label(decoded.priority)",
        "priority = decoded.hypothesis.text",
    ),
    Fault(
        "common/stage/publisher.py",
        "shown = [(slot, [screened(",
        "print([e for _, e in work])\n        shown = [(slot, [screened(",
    ),
    # What the gateway writes by itself.
    Fault("gateway/uplink/intake.py", "if self.record.options.hides_digits", "if False"),
    # What it does not know by itself, or not yet.
    Fault("asr_worker/around.py", "tuple(words[-_WORDS:])", "()"),
    Fault("asr_worker/spoken/secrets.py", "if run.digits > 1 or written or", "if"),
    Fault("asr_worker/screening.py", "and not options.redact:", "or shown is not None:"),
    # What reaches it.
    Fault("gateway/settings.py", 'values["redact"] = self._redacted()', "pass"),
)
"""One seeded leak for each place where a secret might get to."""
