"""OpenAI's SDK for Python: a file in every format, as a stream, and one that is no audio."""

from importlib.metadata import version

import openai
from openai.types.audio import TranscriptionDiarized, TranscriptionVerbose

from tests.clients.speaking import Report, arguments


def main() -> None:
    """Send the recording and print the report; each final is the text in one format."""
    given = arguments()
    report = Report("openai (Python), files", version("openai"))
    base = given.url.replace("ws", "http", 1) + "/v1"
    client = openai.OpenAI(base_url=base, api_key="a-key", max_retries=0)
    create = client.audio.transcriptions.create

    def note(form: str, text: str) -> None:
        report.finals.append({"format": form, "text": text})

    def recording() -> tuple[str, bytes]:
        return "call.wav", given.audio.read_bytes()

    note("json", create(model="whisper-1", file=recording(), language="en", prompt="a novel").text)
    for form in ("text", "srt", "vtt"):
        note(form, create(model="whisper-1", file=recording(), response_format=form))
    verbose = create(
        model="whisper-1",
        file=recording(),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert isinstance(verbose, TranscriptionVerbose)
    assert verbose.words
    assert verbose.segments
    assert verbose.language == "english"
    note("words", " ".join(word.word for word in verbose.words))
    note("segments", " ".join(segment.text for segment in verbose.segments))
    diarized = create(
        model="gpt-4o-transcribe-diarize",
        file=recording(),
        response_format="diarized_json",
        chunking_strategy="auto",
    )
    assert isinstance(diarized, TranscriptionDiarized)
    assert {type(segment.speaker) for segment in diarized.segments} == {str}
    note("diarized", " ".join(segment.text for segment in diarized.segments))
    deltas = ""
    for event in create(model="gpt-4o-transcribe", file=recording(), stream=True):
        if event.type == "transcript.text.delta":
            deltas += event.delta
        elif event.type == "transcript.text.done":
            report.flushed = event.text == deltas
    note("stream", deltas)
    try:
        create(model="whisper-1", file=("call.wav", b"this is no audio"))
    except openai.APIStatusError as error:
        report.closed = f"{error.status_code} {error.code}"
    report.write()


if __name__ == "__main__":
    main()
