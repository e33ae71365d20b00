"""Files for clients that know no other API: ``POST /transcribe``, with a file and little else."""

import json

from common.audio import rounded_seconds
from common.options import SessionOptions
from gateway.files.transcript import Answer, Asked, Fields, Form, Transcript
from gateway.protocols import fields
from gateway.protocols.options import with_changes


def read(given: Fields, defaults: SessionOptions) -> Asked:
    """See `Form`; all parameters but the language are ignored."""
    language = fields.language("language", given.get("language", ("auto",))[-1])
    changes = {"words": True, "interim_results": False, "language": language}
    return Asked(options=with_changes(defaults, changes), answer=_answer)


def refuse(status: int, code: str, message: str) -> Answer:
    """Return an error, as the live protocol of these clients has it."""
    return _json({"type": "error", "code": code, "message": message})


def _answer(whole: Transcript) -> Answer:
    words = [word for final in whole.finals for word in final.words or ()]
    body: dict[str, object] = {
        "text": whole.text(),
        "words": [
            {
                "word": word.text.strip(),
                "start": rounded_seconds(word.start),
                "end": rounded_seconds(word.end),
            }
            for word in words
        ],
        "language": whole.spoken_language,
        "duration": rounded_seconds(whole.duration),
    }
    return _json(body | ({"warnings": whole.warnings} if whole.warnings else {}))


def _json(body: dict[str, object]) -> Answer:
    return Answer("application/json", json.dumps(body, ensure_ascii=False).encode())


FORM = Form(path="/transcribe", read=read, refuse=refuse, parts=("file", "audio"), bare=True)
