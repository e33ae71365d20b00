"""docs/operations.md knows every metric and event, and no other; its error lines are real."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from asr_worker import engines
from asr_worker.align.alignment import Trouble
from asr_worker.api import EngineSettings, Priority, Usage
from asr_worker.engines import whisper
from common.errors import CallscribeError
from common.settings import Definition, definitions, load, settings_classes
from denoise_worker.settings import DenoiseSettings
from deploy.dashboards.calls import CERTIFICATE
from gateway.settings import GatewaySettings
from gateway.tls.serving import LOOK_S
from tests.documents import pages
from tests.metric_table import families
from vad_worker.settings import VadSettings

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text()
PACKAGES = ("common", "gateway", "vad_worker", "denoise_worker", "asr_worker")
NO_EVENTS = {
    *("docs/kubernetes.md", "docs/protocols/openai.md"),  # values of a site, OpenAI's messages
    *("`words.py`", "`words.mjs`", "`redis.userSecrets`"),
}
"""Pages and words that only look as if they named events."""


def table(title):
    """Return a section's first table as rows of cells, its heading left out."""
    _, _, rest = PAGE.partition(f"\n## {title}\n")
    assert rest, f"the page has no section {title}"
    lines = re.search(r"(?:^\|.*\n?)+", rest.partition("\n## ")[0], re.MULTILINE)
    assert lines is not None
    rows = [line.split("|")[1:-1] for line in lines.group().splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in rows]


def coded(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_the_metrics_are_those_of_the_code():
    labels, _ = families()
    assert {coded(row[0])[0]: coded(row[1]) for row in table("Metrics")} == labels


def test_every_metric_of_a_query_exists():
    _, queryable = families()
    assert set(re.findall(r"callscribe_\w+", PAGE)) - queryable == set()


def test_the_values_of_labels_are_those_of_the_code():
    rows = {coded(row[0])[0]: row[2] for row in table("Metrics")}
    priorities = coded(rows["callscribe_decode_seconds"])
    assert priorities == [each.name.lower() for each in Priority]
    kinds = coded(rows["callscribe_decode_tokens_total"])
    assert kinds == [each.name for each in dataclasses.fields(Usage)]
    reasons = coded(rows["callscribe_align_without_words_total"])
    assert reasons == [each.name.lower() for each in Trouble]
    spelled = {
        node.args[0].value
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "_count"
        and isinstance(node.args[0], ast.Constant)
    }
    assert set(coded(rows["callscribe_redis_errors_total"])) == spelled


def trees():
    return [ast.parse(p.read_text()) for name in PACKAGES for p in (ROOT / name).rglob("*.py")]


def events():
    """Return the levels of every event that the code logs."""
    found: dict[str, set[str]] = {}
    for tree in trees():
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="_log"), attr=level), args=[name, *_]
                ):
                    for part in ast.walk(name):
                        if isinstance(part, ast.Constant) and isinstance(part.value, str):
                            level_name = "error" if level == "exception" else level
                            found.setdefault(part.value, set()).add(level_name)
    return found


def test_the_events_are_those_of_the_code():
    told: dict[str, set[str]] = {}
    for names, levels, _ in table("Logs"):
        each = levels.split(", ")
        for i, name in enumerate(coded(names)):
            told[name] = {each[i] if len(each) > 1 else each[0]}
    assert told == events()


def test_no_event_is_told_twice():
    told = [name for row in table("Logs") for name in coded(row[0])]
    assert len(told) == len({*told})


def test_every_event_that_another_page_names_exists():
    """A page names an event in backquotes; events of one thing begin with its name."""
    known = events().keys()
    things = "|".join(sorted({name.partition(".")[0] for name in known}))
    strange = {
        (page, name)
        for page in pages()
        if page not in NO_EVENTS
        for name in re.findall(rf"`(?:{things}|claims?|apart)\.[a-z_]+`", (ROOT / page).read_text())
        if name not in NO_EVENTS and name.strip("`") not in known
    }
    assert strange == set()


def test_the_defaults_are_those_of_the_code():
    known: dict[str, Definition] = {}
    for cls in settings_classes().values():
        known |= {each.flag: each for each in definitions(cls).values()}
    for names, defaults, _ in table("Settings that matter"):
        flags = coded(names)
        for flag, default in zip(flags, defaults.split(", "), strict=True):
            if flag != "--asr-model":
                each = known[flag]
                assert default == each.show(each.default).replace(".0 ", " "), flag


def test_the_variables_of_other_servers_are_those_of_the_code():
    _, _, rest = PAGE.partition("\n### Variables of other servers\n")
    told: dict[str, list[str]] = {}
    for line in re.findall(r"^\| `.*", rest.partition("\n## ")[0], re.MULTILINE):
        flags, variables = map(coded, line.split("|")[1:-1])
        # Either one setting, or as many variables as settings.
        told |= (
            {flags[0]: variables}
            if len(flags) == 1
            else {flag: [variable] for flag, variable in zip(flags, variables, strict=True)}
        )
    settings = [each for cls in settings_classes().values() for each in definitions(cls).values()]
    assert told == {each.flag: list(each.also) for each in settings if each.also}


def test_the_slots_and_ticks_are_those_of_the_code():
    scaling = {row[0]: row for row in table("Scaling")}
    for stage, setting in (
        ("gateway", GatewaySettings.max_sessions),
        ("vad", VadSettings.vad_slots),
        ("denoise", DenoiseSettings.denoise_slots),
        ("asr, tiny.en", whisper.SLOTS),
    ):
        assert re.search(rf"` {setting}\b", scaling[stage][3]), stage
    ticks = f"({VadSettings.vad_tick_ms}, {DenoiseSettings.denoise_tick_ms} ms)"
    assert ticks in next(row[3] for row in table("Metrics") if "step_seconds" in row[0])


def test_how_soon_a_renewed_certificate_is_served_is_that_of_the_code():
    rows = {coded(row[0])[0]: row[3] for row in table("Metrics")}
    said = rows["callscribe_certificate_expiry_timestamp_seconds"]
    assert f"serves the new files within {LOOK_S:g} s" in said
    runbook = " ".join((ROOT / "docs" / "runbooks.md").read_text().split())
    assert f"every {LOOK_S:g} s, and serves new ones without a restart" in runbook
    assert f"within {LOOK_S:g} s, without a restart" in CERTIFICATE.text


def complaint(call):
    with pytest.raises(CallscribeError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("vad", lambda: load(VadSettings, [], {"CALLSCRIBE_VAD_SLOTZ": "1"})),
        ("vad", lambda: load(VadSettings, ["--asr-slots", "3"], {})),
        ("vad", lambda: load(VadSettings, ["--heartbeat-s", "1"], {})),
        ("denoise", lambda: load(DenoiseSettings, ["--dfn-model", "DeepFilterNet2"], {})),
        ("asr", lambda: engines.build("qwen", EngineSettings())),
    ],
)
def test_the_error_lines_are_what_is_printed(service, call):
    lines = [line for row in table("Troubleshooting") for line in coded(row[0])]
    assert f"callscribe {service}: {complaint(call)}" in lines
