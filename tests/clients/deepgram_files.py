"""Deepgram's SDK for Python: a file as bytes and in pieces, and one that is no audio."""

from collections.abc import Iterator
from importlib.metadata import version

from deepgram import DeepgramClient, DeepgramClientEnvironment
from deepgram.core.api_error import ApiError

from tests.clients.speaking import Report, arguments


def main() -> None:
    """Send the recording and print the report; each final is the text of one way to send it."""
    given = arguments()
    report = Report("deepgram-sdk (Python), files", version("deepgram-sdk"))
    http = given.url.replace("ws", "http", 1)
    here = DeepgramClientEnvironment(
        base=http, production=given.url, agent=given.url, agent_rest=http
    )
    transcribe = DeepgramClient(api_key="a-key", environment=here).listen.v1.media.transcribe_file
    data = given.audio.read_bytes()

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(data), 65_536):
            yield data[at : at + 65_536]

    for form, request in (("bytes", data), ("pieces", pieces())):
        said = transcribe(
            request=request,
            model="nova-3",
            smart_format=True,
            punctuate=True,
            utterances=True,
            diarize=True,
            keyterm=["Dashwood"],
            language="en",
        )
        best = said.results.channels[0].alternatives[0]
        words = " ".join(word.punctuated_word for word in best.words)
        report.finals.append({"format": form, "text": best.transcript})
        report.finals.append({"format": f"words of {form}", "text": words})
        utterances = " ".join(each.transcript for each in said.results.utterances)
        spoken = [*best.words, *said.results.utterances]
        report.flushed = (
            utterances == best.transcript
            and said.metadata.channels == 1
            and {type(each.speaker) for each in spoken} == {int}
        )
    try:
        transcribe(request=b"this is no audio")
    except ApiError as error:
        report.closed = f"{error.status_code} {error.body['err_code']}"
    report.write()


if __name__ == "__main__":
    main()
