"""What Redis keeps of a session, and the token that proves the right to resume."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from common.pipeline.record import WIRE_VERSION
from gateway.protocols.commands import ENCODINGS, EVENTS, About, AudioFormat
from gateway.record import CallSpan, ResumeToken, SessionRecord

RECORDS = st.builds(
    SessionRecord,
    st.builds(
        SessionOptions,
        language=st.sampled_from([None, "German"]),
        context=st.text(max_size=20),
        keywords=st.lists(st.text(max_size=5), max_size=3).map(tuple),
        silence_threshold=st.floats(0.1, 10),
        denoise=st.booleans(),
        words=st.booleans(),
        interim_results=st.booleans(),
    ),
    st.builds(
        AudioFormat,
        st.sampled_from(ENCODINGS),
        st.integers(4_000, 192_000),
        st.integers(1, 2),
    ),
    st.frozensets(st.sampled_from(EVENTS)),
    st.builds(About, labels=st.just(("agent",)), conversation=st.text(), name=st.text()),
    st.frozensets(st.sampled_from(["align", "denoise", "later"])),
    st.text(max_size=20),
    st.sampled_from(["default", "acme"]),
    st.text(max_size=8),
    st.integers(0, 1 << 31),
    st.none()
    | st.builds(
        CallSpan,
        trace=st.text("0123456789abcdef", min_size=32, max_size=32),
        span=st.text("0123456789abcdef", min_size=16, max_size=16),
        begun=st.floats(0, 1e10),
        parent=st.sampled_from(["", "b7ad6b7169203331"]),
        state=st.text(max_size=20),
    ),
).filter(lambda record: record.denoised or not record.options.denoise)


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record):
    assert SessionRecord.unpack(record.pack(), record.pack_options()) == record


@given(RECORDS, RECORDS)
def test_options_change_while_the_terms_stay(record, later):
    # The options are written again by a later config; whether it passes through the denoiser was
    # settled. Otherwise none is switched on there, by a message that came before that was known.
    changed = SessionRecord.unpack(record.pack(), later.pack_options())
    options = replace(later.options, denoise=later.options.denoise and record.denoised)
    assert changed == replace(record, options=options)


def test_a_record_of_an_incompatible_release_is_refused():
    record = SessionRecord(SessionOptions(), AudioFormat(), frozenset(), About(), frozenset(), "g")
    with pytest.raises(ValueError, match="wire version"):
        SessionRecord.unpack(record.pack()[:-1] + bytes((WIRE_VERSION + 1,)), b"")


def test_a_token_is_read_as_it_was_written():
    token = ResumeToken.issue("0123abcd")
    assert ResumeToken.parse(str(token)) == token
    assert len(str(token)) < 200


def test_no_two_tokens_are_alike_and_none_is_in_its_digest():
    tokens = [ResumeToken.issue("s") for _ in range(100)]
    assert len({token.secret for token in tokens}) == 100
    assert len({token.digest("a") for token in tokens}) == 100
    assert all(
        len(token.secret) >= 24 and token.secret not in token.digest("a") for token in tokens
    )


@given(st.text(max_size=30))
def test_any_text_is_a_token_or_none(text):
    token = ResumeToken.parse(text)
    if token is not None:
        assert str(token) == text
        # The session becomes part of a key: it must not choose another.
        assert token.session.isalnum()
        assert token.session.isascii()


@pytest.mark.parametrize("text", ["", ".", "s", "s.", ".x", "a:b.x", "a{b}.x", "\u0663.x", "a b.x"])
def test_what_is_no_token(text):
    assert ResumeToken.parse(text) is None
