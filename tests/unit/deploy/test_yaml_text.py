import string

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from deploy.kubernetes.yaml_text import Text, dump

# YAML folds the other line breaks of Unicode, and allows no control characters.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Co", "Cn"))
)
LINES = st.text(st.sampled_from(string.printable[:95] + "\n"))
PLAIN = (
    TEXT
    | LINES
    | st.sampled_from(["yes", "No", "null", "1e3", "0x1", "- a", "a: b", "#", "10m", "~"])
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | PLAIN,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(PLAIN, each, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(PLAIN, VALUES, min_size=1, max_size=4), max_size=3))
def test_what_is_written_is_read(documents):
    assert [*YAML(typ="safe", pure=True).load_all(dump(documents))] == documents


def test_a_text_of_lines_is_shown_as_lines():
    document = {"data": {"a.json": '{\n  "a": 1\n\n}\n'}, "list": ["# a\nb\n"]}
    text = dump([document])
    assert text.splitlines()[2:7] == ["  a.json: |", "    {", '      "a": 1', "", "    }"]
    assert [*YAML(typ="safe", pure=True).load_all(text)] == [document]


def test_yaml_stands_as_it_is():
    text = dump([{"a": {"spec": Text("# why\ngroups: [1]\n")}, "b": 2}])
    assert text == "---\na:\n  spec:\n    # why\n    groups: [1]\nb: 2\n"


def test_it_is_for_people():
    text = dump([{"kind": "Pod", "args": ["asr", {"a": 1, "b": []}], "port": "80"}])
    assert text == '---\nkind: Pod\nargs:\n  - asr\n  - a: 1\n    b: []\nport: "80"\n'
