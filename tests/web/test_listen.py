"""The Listen view: a call of others as it is said, for those who come early and late."""

import json
import re
from typing import TYPE_CHECKING

import pytest

from callscribe.client.options import Options
from callscribe.sync import connect
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import pcm16, split
from tests.integration.pipeline.test_turns import interrupted
from tests.web.listening import (
    LABELS,
    calling,
    faults,
    overflow,
    said,
    tab,
    turns,
    wait_for_state,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def address(stack: RunningStack) -> str:
    return f"http://127.0.0.1:{stack.port}"


def test_a_call_is_read_as_it_is_said_and_a_late_reader_gets_the_same(
    stack: RunningStack, address: str, chromium: "Browser", axe: str
):
    name = "read-live"
    keywords = ("meter", "bill")
    # The browser tells of the 404 while the call has not begun.
    with tab(chromium, troubled=True) as early, tab(chromium, color_scheme="dark") as late:
        early.goto(f"{address}/#listen/{name}")
        wait_for_state(early, "looking for the call")
        with calling(
            stack.url, conversation_id=name, keywords=keywords, events=("keyword",)
        ) as call:
            wait_for_state(early, "live")
            early.locator(".turn.open .unstable").first.wait_for(timeout=60_000)
            early.locator(".turn:not(.open)").nth(2).wait_for(timeout=60_000)
            late.goto(f"{address}/#listen/{name}")
            late.locator(".turn:not(.open)").nth(2).wait_for()
            events = call.result(180)
        for page in (early, late):
            wait_for_state(page, "ended")
            assert turns(page) == said(events)
        # The caller begins to answer before the agent has finished.
        pair = early.locator(".block.together").first
        agent, caller = pair.locator(".turn").all()
        a, b = agent.bounding_box(), caller.bounding_box()
        assert a is not None
        assert b is not None
        assert (a["y"], a["x"] + a["width"] < b["x"]) == (b["y"], True)
        assert re.search(r"at the same time: \d+ ms", pair.inner_text())
        drawn = early.locator("path.together").get_attribute("d") or ""
        assert re.match(r"M3\d\.\d+ 0h0\.[3-9]", drawn), drawn
        marked = set(early.locator("mark.keyword").all_text_contents())
        assert marked == set(keywords)
        assert faults(early, axe) == []
        assert faults(late, axe) == []


def test_interruptions_and_answers_are_marked(
    stack: RunningStack, address: str, chromium: "Browser", axe: str
):
    form = Options(
        channels=2,
        channel_labels=LABELS,
        conversation_id="interrupted",
        endpointing="bot",
        expect="digits",
        language="English",
    )
    with connect(stack.url, form) as call:
        assert list(call.transcribe(split(pcm16(interrupted()), 6_400)))
    with tab(chromium) as page:
        page.goto(f"{address}/#listen/interrupted")
        wait_for_state(page, "ended")
        page.locator(".mark.interrupted", has_text="caller interrupted agent").wait_for()
        page.locator(".mark.slot", has_text="caller answered: digits 123").wait_for()
        assert faults(page, axe) == []


@pytest.fixture(scope="module")
def ended(stack: RunningStack) -> list[tuple[str, str]]:
    """What is said in the call `over`, which has ended."""
    with calling(stack.url, 14.0, conversation_id="over") as call:
        return said(call.result(120))


def test_a_running_call_is_picked_from_the_list(
    stack: RunningStack, address: str, chromium: "Browser", axe: str
):
    with tab(chromium) as page, calling(stack.url, 6.0, conversation_id="from the list") as call:
        page.goto(f"{address}/#listen")
        link = page.get_by_role("link", name="from the list")
        link.wait_for()
        assert faults(page, axe) == []
        link.focus()
        page.keyboard.press("Enter")
        wait_for_state(page, "ended")
        assert turns(page) == said(call.result(60))


def test_a_call_is_named_by_hand(address: str, chromium: "Browser", ended: list[tuple[str, str]]):
    with tab(chromium) as page:
        page.goto(f"{address}/#listen")
        page.get_by_label("Call", exact=True).fill("over")
        page.keyboard.press("Enter")
        wait_for_state(page, "ended")
        assert turns(page) == ended
        assert page.url.endswith("#listen/over")


@pytest.mark.parametrize(
    ("status", "text"),
    [(403, "needs a key with the scope read"), (404, "does not list its calls.")],
)
def test_a_server_that_hides_its_calls_leaves_the_field(
    address: str, chromium: "Browser", status: int, text: str
):
    with tab(chromium, troubled=True) as page:
        page.route("**/v1/sessions", lambda route: route.fulfill(status=status))
        page.goto(f"{address}/#listen")
        page.get_by_text(text).wait_for()
        assert page.get_by_label("Call", exact=True).is_editable()


def test_the_transcript_is_found_in_copied_and_downloaded(
    address: str, chromium: "Browser", ended: list[tuple[str, str]]
):
    granted = ["clipboard-read", "clipboard-write"]
    with tab(chromium, permissions=granted) as page:
        page.goto(f"{address}/#listen/over")
        wait_for_state(page, "ended")
        page.get_by_role("button", name="Copy", exact=True).click()
        page.get_by_text("Copied").wait_for()
        copied = page.evaluate("() => navigator.clipboard.readText()")
        assert copied == "".join(f"{role}: {text}\n" for role, text in ended)
        with page.expect_download() as download:
            page.get_by_role("button", name="json").click()
        transcript = json.loads(download.value.path().read_text())
        assert [each["text"] for each in transcript["utterances"]] == [text for _, text in ended]
        page.get_by_role("button", name="Copy link").click()
        page.wait_for_function("() => navigator.clipboard.readText().then((t) => t.includes('#'))")
        assert page.evaluate("() => navigator.clipboard.readText()") == page.url
        page.get_by_label("Find in the transcript").fill("CALLING north")
        page.keyboard.press("Enter")
        page.get_by_text("1 of 1").wait_for()
        assert page.locator("mark.here").inner_text().lower() == "calling north"


def test_it_fits_a_phone(address: str, chromium: "Browser", axe: str, ended: list[tuple[str, str]]):
    with tab(chromium, viewport={"width": 390, "height": 844}) as page:
        for path in ("#listen", "#listen/over"):
            page.goto(f"{address}/{path}")
            page.get_by_role("heading", level=2).wait_for()
            assert overflow(page) == 0
            assert faults(page, axe) == []
        wait_for_state(page, "ended")
        assert len(turns(page)) == len(ended)
        assert overflow(page) == 0


def test_the_end_is_followed_until_the_reader_moves_up(address: str, chromium: "Browser"):
    """A call with so many turns that they scroll; its gateway is played by the test."""
    session = "a" * 32
    facts = {"session_id": session, "channels": 1, "started": 1_000}

    def final(number: int) -> str:
        place = {"channel": 0, "utterance": number, "seq": number, "start": number * 3}
        text = {"text": f"turn {number}", "end": number * 3 + 2, "stable": 0, "language": None}
        return json.dumps({"type": "final", "session_id": session, **place, **text})

    with tab(chromium) as page:
        page.route("**/v1/sessions/*", lambda route: route.fulfill(json={"sessions": [facts]}))
        sockets = []

        def answer(socket) -> None:
            sockets.append(socket)
            socket.send(json.dumps({"type": "session_created", **facts}))
            for number in range(1, 401):
                socket.send(final(number))

        page.route_web_socket("**/events*", answer)
        page.goto(f"{address}/#listen/{session}")
        pane = page.get_by_role("region", name="Transcript")
        page.get_by_text("turn 400").wait_for()

        def below() -> float:
            left: float = pane.evaluate("(e) => e.scrollHeight - e.scrollTop - e.clientHeight")
            return left

        page.wait_for_timeout(300)
        assert below() < 2
        pane.focus()
        page.keyboard.press("Control+Home")
        back = page.get_by_role("button", name="Back to the end")
        back.wait_for()
        sockets[0].send(final(401))
        page.get_by_text("turn 401").wait_for(state="attached")
        assert below() > 1_000
        back.click()
        page.wait_for_timeout(300)
        assert below() < 2
        sockets[0].send(final(402))
        page.get_by_text("turn 402").wait_for()
        page.wait_for_timeout(300)
        assert below() < 2


def test_calls_of_one_name_are_read_together(
    stack: RunningStack, address: str, chromium: "Browser"
):
    with tab(chromium, troubled=True) as page:
        page.goto(f"{address}/#listen/twins")
        with calling(stack.url, 16.0, conversation_id="twins") as first:
            wait_for_state(page, "live")
            with calling(stack.url, 8.0, conversation_id="twins") as second:
                both = [*said(first.result(120)), *said(second.result(120))]
        wait_for_state(page, "ended")
        assert sorted(turns(page)) == sorted(both)
        assert page.locator(".mark.begun").count() == page.locator(".mark.ended").count() == 2
        assert page.locator(".chart .roles span").count() == 4
        # The second began later, and nobody waited for the first: they overlap.
        assert page.locator(".overlap").count() > 0
