"""Writes `src/messages.ts`, the types of the native protocol's messages.

    python clients/js/generate_messages.py

The sources are the tables of docs/protocol.md, the table of options, and the Python client's
messages for the types of fields. Tests hold each of them against the server. Another test tells
when the file is not what this would write.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from callscribe.client import messages, speakers
from common.options import OPTIONS, Kind, Option
from gateway.protocols.commands import ENCODINGS, EVENTS, LONGEST_NAME, MAX_CHANNELS

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "clients" / "js" / "src" / "messages.ts"

_HEAD = """\
// Written by clients/js/generate_messages.py: do not edit.

/** Messages of the native protocol, `/ws/asr`; docs/protocol.md says what they mean. */
"""
_READERS = """\
/** What a call is, for its readers; the first message of each call. */
export interface ReaderSessionCreated {
  type: "session_created";
  session_id: string;
  /** The name that the call's client gave it. */
  name?: string;
  channels: number;
  channel_labels?: readonly string[];
  conversation_id?: string;
  /** s since 1970. */
  started: number;
}

/** Nothing more comes of this call. */
export interface SessionEndedMessage {
  type: "session_ended";
}

/** What readers of a call get of it. */
export type ReaderEvent =
  | PartialMessage
  | FinalMessage
  | WordsMessage
  | SpeakerRevisionMessage
  | SpeechStartedMessage
  | SpeechEndedMessage
  | TurnStartedMessage
  | TurnEagerEndMessage
  | TurnResumedMessage
  | TurnEndedMessage
  | TurnOverlapMessage
  | SlotMessage
  | GapMessage
  | DtmfMessage
  | LineTroubleMessage
  | KeywordMessage
  | ErrorMessage
  | SessionEndedMessage;

/** Each message names its call. */
export type ReaderMessage =
  | ReaderSessionCreated
  | (ReaderEvent & { readonly session_id: string; readonly conversation_id?: string });
"""
_KINDS: Mapping[Kind, str] = {
    Kind.BOOL: "boolean",
    Kind.INT: "number",
    Kind.FLOAT: "number",
    Kind.TEXT: "string",
    Kind.TEXTS: "readonly string[]",
    Kind.LANGUAGE: "string",
    Kind.LANGUAGES: "readonly string[]",
}
_PLAIN: Mapping[object, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    NoneType: "null",
}
_UNTOLD: Mapping[str, str] = {
    "channel_labels": "readonly string[]",
    "conversation_id": "string",
    "is_speech_final": "true",
    "stable": "number",
    "resume_within": "number",
    "options": "Readonly<Record<string, number>>",
    "resumed": "true",
    "ended": "true",
    "words_pending": "true",
    "redacted": "readonly Redaction[]",
    "speakers": "readonly Stretch[]",
}
"""Types of fields that the Python client does not keep, or keeps with a default in their place."""
_NULLABLE = ("language", "words")
"""What can be null where it is sent; other fields that are null in Python are left out."""

Rows = list[list[str]]


def typescript() -> str:
    """Return the whole file."""
    events = [event for event in get_args(messages.Event) if event is not messages.Resumed]
    lines = [
        _HEAD,
        f"export type Encoding = {_one_of(ENCODINGS)};\n",
        "/** What a call may ask for beyond transcripts. */",
        f"export type EventName =\n  | {_lines(EVENTS)};\n",
        *_options(),
        *_structure("Word", messages.Word),
        *_structure("Timing", messages.Timing),
        *_structure("Redaction", messages.Redaction),
        *_structure("Stretch", speakers.Stretch),
        *_structure("Respoken", speakers.Respoken),
        *_message("SessionCreated", messages.Created, "session_created"),
    ]
    for event in events:
        lines += _message(f"{event.__name__}Message", event, event.kind)
    names = ["SessionCreated", *(f"{event.__name__}Message" for event in events)]
    lines += [f"export type ServerMessage =\n  | {f'{chr(10)}  | '.join(names)};\n"]
    lines += [_READERS, *_codes()]
    return "\n".join(lines)


def tables(title: str) -> list[Rows]:
    """Return each table of a section of docs/protocol.md as rows of cells, without headings."""
    page = (ROOT / "docs" / "protocol.md").read_text()
    section = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?:^\|.*\n?)+", section, re.MULTILINE)
    rows = [[line.split("|")[1:-1] for line in block.splitlines()[2:]] for block in blocks]
    return [[[cell.strip() for cell in row] for row in table] for table in rows]


def named(cell: str) -> list[str]:
    """Return what a cell names as code."""
    return re.findall(r"`(\w+)`", cell)


def message_fields() -> dict[str, dict[str, bool]]:
    """Return for each type of server message its fields, and whether each is always there."""
    found: dict[str, dict[str, bool]] = {}
    left_out = {
        name
        for cell, explained in tables("Server messages")[1]
        if "left out" in explained
        for name in named(cell)
    }
    for cell, told, _ in tables("Server messages")[0]:
        always, _, sometimes = told.partition(";")
        needed: dict[str, bool] = {}
        for part, is_always in ((always, True), (sometimes, False)):
            for like, name in re.findall(r"(those of )?`(\w+)`", part):
                needed |= found[name] if like else {name: is_always}
        kind = named(cell)[0]
        found[kind] = {name: there and name not in left_out for name, there in needed.items()}
        if "channel" in needed:
            found[kind]["label"] = False
    return found


def _options() -> Iterator[str]:
    yield "/** Options that a later `config` may change. */"
    yield "export interface ChangeableOptions {"
    yield from (_option(each) for each in OPTIONS.values() if each.changeable)
    yield "}\n"
    yield "/** The options of a call; what is left out is up to the server's settings. */"
    yield "export interface CallOptions extends ChangeableOptions {"
    yield from (_option(each) for each in OPTIONS.values() if not each.changeable)
    yield f"  /** A name of at most {LONGEST_NAME} characters for each channel. */"
    yield "  channel_labels?: readonly string[];"
    yield "  /** Joins calls that belong together. */"
    yield "  conversation_id?: string;"
    yield "  /** URL that gets the finals, at a host that the server allows. */"
    yield "  webhook?: string;"
    yield "  events?: readonly EventName[];"
    yield "}\n"
    yield "/** What the audio is; channels are interleaved. */"
    yield "export interface AudioFormat {"
    yield "  encoding: Encoding;"
    yield "  /** Hz. */"
    yield "  sample_rate: number;"
    yield f"  channels: {' | '.join(map(str, range(1, MAX_CHANNELS + 1)))};"
    yield "}\n"


def _option(option: Option) -> str:
    null = " | null" if option.nullable else ""
    bounds = f", {option.low:g} to {option.high:g}" if option.high else ""
    unit = f" {option.unit}" if option.unit else ""
    meaning = option.meaning[0].upper() + option.meaning[1:]
    kind = _KINDS.get(option.kind) or _one_of(option.choices)
    if option.kind is Kind.CHOICES:
        kind = f"readonly ({kind})[]"
    return f"  /** {meaning}{bounds}{unit}. */\n  {option.name}?: {kind}{null};"


def _structure(name: str, cls: Any) -> Iterator[str]:
    hints = get_type_hints(cls)
    yield f"/** {_summary(cls)} */"
    yield f"export interface {name} {{"
    for field in fields(cls):
        kind = _type(hints[field.name])
        missing = field.default is not MISSING
        yield (
            f"  {field.name}?: {kind.removesuffix(' | null')};"
            if missing
            else f"  {field.name}: {kind};"
        )
    yield "}\n"


def _message(name: str, cls: Any, kind: str) -> Iterator[str]:
    hints = get_type_hints(cls)
    explained = dict(_explanations())
    yield f"/** {_summary(cls)} */"
    yield f"export interface {name} {{"
    yield f'  type: "{kind}";'
    for field, always in message_fields()[kind].items():
        if (text := explained.get(field)) is not None:
            yield f"  /** {text}. */"
        yield f"  {field}{'' if always else '?'}: {_field_type(field, hints)};"
    yield "}\n"


def _summary(cls: Any) -> str:
    return str((cls.__doc__ or "").partition("\n")[0])


def _explanations() -> Iterator[tuple[str, str]]:
    for cell, text in tables("Server messages")[1]:
        plain = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1 in docs/protocol.md", text)
        for name in named(cell):
            # "s" stands for seconds.
            yield name, plain if plain.startswith("s ") else plain[:1].upper() + plain[1:]


def _field_type(name: str, hints: Mapping[str, Any]) -> str:
    if name in _UNTOLD:
        return _UNTOLD[name]
    found = _type(hints[name])
    return found if name in _NULLABLE else found.removesuffix(" | null")


def _type(hint: Any) -> str:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(map(_type, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"readonly {_type(get_args(hint)[0])}[]"
    if get_origin(hint) is Literal:
        return _one_of(get_args(hint))
    return str(hint.__name__)


def _one_of(values: Iterable[object]) -> str:
    return " | ".join(f'"{value}"' for value in values)


def _lines(values: Iterable[object]) -> str:
    return "\n  | ".join(f'"{value}"' for value in values)


def _codes() -> Iterator[str]:
    table, _, _, denials = tables("Errors")
    yield "/** Codes of the server's errors, and of its answers 401 and 403. */"
    yield "export const ERROR_CODES = ["
    yield from (f'  "{name}",' for name in {named(row[0])[0]: 0 for row in (*table, *denials)})
    yield "] as const;"
    yield "export type ErrorCode = (typeof ERROR_CODES)[number];\n"
    yield "/** Those after which a call that was created goes on. */"
    yield "export const WARNING_CODES = ["
    yield from (f'  "{named(row[0])[0]}",' for row in table if row[1].endswith("none"))
    yield "] as const satisfies readonly ErrorCode[];\n"


if __name__ == "__main__":
    TARGET.write_text(typescript())
