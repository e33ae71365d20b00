"""Write the tables of ARCHITECTURE.md that common/pipeline/ makes: its keys and its stages.

``python docs/pipeline_tables.py`` rewrites them in place.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.pipeline import stages, streams
from common.pipeline.stages import StageSpec
from common.pipeline.streams import Ids, Stream

ARCHITECTURE = Path(__file__).resolve().parent.parent / "ARCHITECTURE.md"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace(" --- ", "---") for line in lines)


def _key(stream: Stream) -> Sequence[str]:
    ids = "–" if stream.ids is Ids.NONE else stream.ids.value
    lives = stream.lifetime.value
    if stream.most is not None:
        lives += f", newest {stream.most}"
    return (f"`{stream.pattern}`", stream.writers, stream.holds, ids, lives)


def _stage(spec: StageSpec) -> Sequence[str]:
    need = "every call" if spec.required else f"calls with `{spec.wanted_by}`"
    if spec.beside:
        need += ", which do without if they must"
    writes = dict.fromkeys([*spec.fences, spec.output])
    return (spec.name, spec.unit.value, _named(spec.reads), _named(writes), need)


def _named(kinds: Iterable[Stream]) -> str:
    return ", ".join(f"`{kind}:{kind.number}`" if kind.number else f"`{kind}`" for kind in kinds)


def tables() -> dict[str, str]:
    """Return every table by the name of its place in the document."""
    return {
        "keys": table(("key", "written by", "holds", "ids", "lives"), map(_key, streams.ALL)),
        "stages": table(
            ("stage", "work item", "reads", "writes", "needed by"), map(_stage, stages.PIPELINE)
        ),
    }


def written(document: str) -> str:
    """Return the document with its tables as the code has them."""
    for name, text in tables().items():
        place = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        document, found = place.subn(lambda m: f"{m[1]}{text}\n{m[2]}", document)  # noqa: B023
        assert found == 1, f"no place for {name}"
    return document


if __name__ == "__main__":
    ARCHITECTURE.write_text(written(ARCHITECTURE.read_text()))
