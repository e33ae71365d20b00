"""The bytes of every message: a change of them is a change of the wire, and reviewed as one.

``python -m tests.unit.common.pipeline.test_wire`` writes them anew.
"""

from pathlib import Path
from textwrap import wrap

import msgpack
import pytest

from common.pipeline.record import pack
from tests.unit.common.pipeline.messages import EXAMPLES

FIXTURES = Path(__file__).parents[3] / "fixtures" / "wire"


def golden(name: str) -> bytes:
    lines = (FIXTURES / f"{name}.hex").read_text().splitlines()
    return bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


def shown(data: bytes) -> str:
    """The file of one message: what it says, as comments, then its bytes."""
    said = wrap(str(msgpack.unpackb(data)), 98, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*(f"# {line}" for line in said), *wrap(data.hex(), 96), ""])


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_has_the_bytes_that_were_reviewed(name):
    message, example = EXAMPLES[name]
    assert (FIXTURES / f"{name}.hex").read_text() == shown(golden(name))
    assert pack(example) == golden(name)
    assert message.unpack(golden(name)) == example


def test_every_reviewed_message_has_an_example():
    assert {path.stem for path in FIXTURES.glob("*.hex")} == EXAMPLES.keys()


if __name__ == "__main__":
    for each, (_, example) in EXAMPLES.items():
        (FIXTURES / f"{each}.hex").write_text(shown(pack(example)))
