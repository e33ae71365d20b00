"""What recordings are made of a call, as the setting says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, get_args

from gateway.recordings.encoding import Format
from gateway.sinks.query import taken
from gateway.sinks.rules import storage_of
from gateway.sinks.storage import Storage
from gateway.sinks.tidying import days_of

_FORM = "expected file:/folder or s3://bucket/prefix"
_CHOICES = {
    "format": get_args(Format),
    "channels": ("apart", "stereo"),
    "content": ("call", "speech"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """`stereo`: both legs of a call in one file. `speech`: a file of each utterance of a leg."""

    format: Format = "flac"
    stereo: bool = False
    speech: bool = False

    @property
    def suffix(self) -> str:
        """How the names of its files end."""
        return self.format


@dataclass(frozen=True, slots=True)
class PlannedRecordings:
    """Where recordings go, and what they are; `storage` makes the place."""

    form: Form
    storage: Callable[[], Storage]
    days: int | None = None
    """For how many days they are kept; None for ever."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read the setting. ValueError names what is wrong; it repeats no value of the query."""
        address, _, query = url.partition("?")
        (days, *given), rest = taken(query, "days", *_CHOICES)
        values = {}
        for (name, choices), found in zip(_CHOICES.items(), given, strict=True):
            values[name] = found[-1] if found else choices[0]
            if values[name] not in choices:
                raise ValueError(f"--recordings: {name} is none of {', '.join(choices)}")
        stereo, speech = values["channels"] == "stereo", values["content"] == "speech"
        if stereo and speech:
            text = "a leg speaks at a time: channels=stereo and content=speech exclude each other"
            raise ValueError(f"--recordings: {text}")
        try:
            kept = days_of(days[-1]) if days else None
            storage = storage_of(address, rest)
        except ValueError as error:
            raise ValueError(f"--recordings: {error}") from None
        if storage is None:
            raise ValueError(f"--recordings: no folder and no bucket; {_FORM}")
        form = Form(values["format"], stereo, speech)  # type: ignore[arg-type]
        return cls(form, storage, kept)
