"""Write the tables that the code makes: keys, stages, options, presets, and what Redis reveals.

``python docs/pipeline_tables.py`` rewrites them in place.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from common.bus import acl, keys
from common.options import OPTIONS, Kind, Option
from common.pipeline import stages, streams
from common.pipeline.stages import StageSpec
from common.pipeline.streams import Ids, Lifetime, Stream
from gateway.endpointing.presets import PRESETS

_DOCS = Path(__file__).resolve().parent
ARCHITECTURE = _DOCS.parent / "ARCHITECTURE.md"
PROTOCOL = _DOCS / "protocol.md"
REDIS = _DOCS / "redis.md"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace(" --- ", "---") for line in lines)


def _keys() -> Iterable[Sequence[str]]:
    above: tuple[str, ...] = ()
    for stream in streams.ALL:
        names = ", ".join(each.upper() if len(each) == 3 else each for each in stream.writers)
        if stream.writers == streams.STAGES:
            names = "each worker"
        elif set(stream.writers) == {keys.GATEWAY, *streams.STAGES}:
            names = "each process"
        elif len(above) > 1 and stream.writers == above:
            names = "the same"
        above = stream.writers
        yield _key(stream, names)


def _key(stream: Stream, writers: str) -> Sequence[str]:
    ids = "–" if stream.ids is Ids.NONE else stream.ids.value
    lives = stream.lifetime.value
    if stream.most is not None:
        lives += f", newest {stream.most}"
    return (f"`{stream.pattern}`", writers, stream.holds, ids, lives)


def _stage(spec: StageSpec) -> Sequence[str]:
    need = "every call" if spec.required else f"calls with `{spec.wanted_by}`"
    if spec.beside:
        need += ", which go on without it"
    writes = dict.fromkeys([*spec.fences, spec.output])
    return (spec.name, spec.unit.value, _named(spec.reads), _named(writes), need)


def _named(kinds: Iterable[Stream]) -> str:
    return ", ".join(f"`{kind}:{kind.number}`" if kind.number else f"`{kind}`" for kind in kinds)


def _allowed(option: Option) -> str:
    """Return the type and the range of an option."""
    name = option.kind.name.lower()
    match option.kind:
        case Kind.INT | Kind.FLOAT:
            name += f" {option.low:g}–{option.high:g}"
        case Kind.TEXT:
            name += f" up to {option.longest}"
        case Kind.CHOICE:
            plain = [each for each in option.choices if each not in PRESETS]
            name = ", ".join([*plain, *(["preset"] if len(plain) < len(option.choices) else [])])
        case Kind.CHOICES:
            name = f"any of {', '.join(option.choices)}"
        case Kind.LANGUAGES:
            name = f"{option.most} languages"
        case Kind.TEXTS:
            name = f"{option.most} texts of 1–{option.longest}"
    return f"{name} or null" if option.nullable else name


def _option(option: Option) -> Sequence[str]:
    changeable = "yes" if option.changeable else "no"
    default, users = json.dumps(option.default), ", ".join(option.used_by)
    name, unit = f"`{option.name}`", option.unit or "–"
    return (name, _allowed(option), default, unit, changeable, users, option.meaning)


def _presets() -> Iterable[Sequence[str]]:
    for option in dict.fromkeys(name for preset in PRESETS.values() for name in preset):
        values = (preset.get(option) for preset in PRESETS.values())
        yield (f"`{option}`", *("–" if each is None else f"{each:g}" for each in values))


def _lives(stream: Stream) -> str:
    newest = "" if stream.most is None else f", newest {stream.most}"
    return _LIVES.get(stream.lifetime, stream.lifetime.value) + newest


_LIVES = {
    Lifetime.SESSION: f"the call, at most {keys.SESSION_TTL} s more",
    Lifetime.CONSUMED: f"until consumed, at most {keys.SESSION_TTL} s after the call",
    Lifetime.RETENTION: "the call and `--retention-s`",
}


def _revealed(stream: Stream) -> Sequence[str]:
    readers = acl.readers(stream)
    if set(streams.STAGES) <= {*readers}:
        readers = [*(each for each in readers if each not in streams.STAGES), "every stage"]
    return (f"`{stream.pattern}`", stream.reveals, ", ".join(readers), _lives(stream))


_OPTION = ("option", "type and range", "default", "unit", "changeable", "used by", "meaning")


def tables() -> Mapping[Path, Mapping[str, str]]:
    """Return every table by its document and the name of its place in it."""
    return {
        ARCHITECTURE: {
            "keys": table(("key", "written by", "holds", "ids", "lives"), _keys()),
            "stages": table(
                ("stage", "work item", "reads", "writes", "needed by"),
                map(_stage, stages.PIPELINE),
            ),
        },
        REDIS: {
            "content": table(
                ("key", "reveals", "may be read by", "lives"), map(_revealed, streams.ALL)
            ),
        },
        PROTOCOL: {
            "options": table(_OPTION, map(_option, OPTIONS.values())),
            "presets": table(("option", *(f"`{name}`" for name in PRESETS)), _presets()),
        },
    }


def written(path: Path) -> str:
    """Return a document with its tables as the code has them."""
    document = path.read_text()
    for name, text in tables()[path].items():
        place = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        document, found = place.subn(lambda m: f"{m[1]}{text}\n{m[2]}", document)  # noqa: B023
        assert found == 1, f"no place for {name}"
    return document


if __name__ == "__main__":
    for path in tables():
        path.write_text(written(path))
