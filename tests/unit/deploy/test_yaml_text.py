from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from deploy.kubernetes.yaml_text import dump

# YAML folds the other line breaks of Unicode, and allows no control characters.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Co", "Cn"))
)
PLAIN = TEXT | st.sampled_from(["yes", "No", "null", "1e3", "0x1", "- a", "a: b", "#", "10m", "~"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | PLAIN,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(PLAIN, each, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(PLAIN, VALUES, min_size=1, max_size=4), max_size=3))
def test_what_is_written_is_read(documents):
    assert [*YAML(typ="safe", pure=True).load_all(dump(documents))] == documents


def test_it_is_for_people():
    text = dump([{"kind": "Pod", "args": ["asr", {"a": 1, "b": []}], "port": "80"}])
    assert text == '---\nkind: Pod\nargs:\n  - asr\n  - a: 1\n    b: []\nport: "80"\n'
