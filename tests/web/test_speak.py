"""The Speak view in Chromium, against the real stack, with real speech."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from callscribe.loadtest.scoring import word_errors
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import said, sample_call
from tests.web.conftest import Launch
from tests.web.speaking import SAID, sentences, speak, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.timeout(240), pytest.mark.model_text]

WRONG_WORDS = 6
"""Of 44 read by a volunteer: 3 measured, and as many again for another processor."""


def address(stack: RunningStack) -> str:
    return f"http://127.0.0.1:{stack.port}"


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("speech") / "sentences.wav", sentences())


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the sample call: each speaker on a channel."""
    return write(tmp_path_factory.mktemp("call") / "call.wav", sample_call(16.0), 8_000)


@pytest.fixture(scope="module")
def speaker(launch: Launch, spoken: Path) -> "Browser":
    """A browser into whose microphone three sentences are said."""
    return launch(spoken)


def test_what_is_said_into_a_microphone_is_read(
    stack: RunningStack, launch: Launch, shared_speech: Path, tmp_path: Path
):
    names = ("librivox_0870", "librivox_0880", "librivox_0890")
    parts = [soundfile.read(shared_speech / f"{name}.wav", dtype="float32")[0] for name in names]
    reference = " ".join((shared_speech / f"{name}.txt").read_text().strip() for name in names)
    audio = said(1.5, *[part for speech in parts for part in (speech, 1.0)], 1.0)
    browser = launch(write(tmp_path / "read.wav", audio))
    with speak(browser, address(stack)) as view:
        view.open().start()
        view.page.locator(".turn.open").first.wait_for()
        view.page.wait_for_timeout(len(audio) / 16)
        view.stop()
        errors, words = word_errors([reference], [" ".join(view.finals)])
        print(f"\nmicrophone in Chromium: {errors} of {words} words wrong ({errors / words:.1%})")
        assert errors <= WRONG_WORDS
        rows = view.page.locator(".latency tbody tr")
        assert rows.count() == 4
    browser.close()


def test_partials_show_what_is_certain_and_finals_the_times_of_words(
    stack: RunningStack, speaker: "Browser"
):
    with speak(speaker, address(stack)) as view:
        view.open("#speak?words=1&keywords=fox&language=English").start()
        view.page.locator(".turn.open .unstable").first.wait_for()
        view.wait_for_text("lazy dog.")
        word = view.page.locator(".word", has_text="fox").first
        word.focus()
        assert word.locator("mark").inner_text() == "fox"
        told = word.get_attribute("data-times") or ""
        assert told.startswith("fox · 0:0")
        described = view.page.locator(f"#{word.get_attribute('aria-describedby')}")
        assert described.text_content() == told
        view.page.keyboard.press("ArrowRight")
        assert "jumps" in (view.page.evaluate("document.activeElement.textContent") or "")
        live = view.page.locator("[aria-live=polite]")
        assert "lazy dog." in live.inner_text()
        view.stop()
        assert view.page.locator(".turn.final .about").first.inner_text() == "English"


def test_a_stereo_file_has_a_speaker_on_each_channel(
    stack: RunningStack, chromium: "Browser", call: Path
):
    with speak(chromium, address(stack)) as view:
        view.open("#speak?source=file&channels=2&paced=0&labels=Sarah&labels=Daniel")
        turns = view.transcript_of(call)
        expected = [
            ("Sarah", "Thank you for calling Northwind Energy"),
            ("Daniel", "Hello"),
            ("Daniel", "It is almost twice as high"),
        ]
        assert [
            (who, text.startswith(begin))
            for (who, text), (_, begin) in zip(turns, expected, strict=False)
        ] == [(who, True) for who, _ in expected]
        assert view.page.locator(".level .name").all_inner_texts() == ["Sarah", "Daniel"]
        assert view.page.get_by_text("faster than it was spoken").is_visible()


def test_a_dropped_file_has_its_own_channels(stack: RunningStack, chromium: "Browser", call: Path):
    with speak(chromium, address(stack)) as view:
        view.open("#speak?paced=0")
        drop = """async ([bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], "dropped.wav"));
            const [on, init] = [document.querySelector(".speak"), { bubbles: true }];
            on.dispatchEvent(new DragEvent("drop", { ...init, dataTransfer: data }));
        }"""
        view.page.evaluate(drop, [list(call.read_bytes())])
        view.page.get_by_text("dropped.wav").wait_for()
        view.start()
        view.wait_for_state("Finished")
        assert view.page.locator(".level .name").all_inner_texts() == ["agent", "customer"]
        assert "Northwind" in " ".join(view.finals)
        assert "question about my last bill" in " ".join(view.finals)


def test_a_file_that_is_no_sound_is_explained(
    stack: RunningStack, chromium: "Browser", tmp_path: Path
):
    wrong = tmp_path / "letter.txt"
    wrong.write_text("no sound")
    with speak(chromium, address(stack)) as view:
        view.open("#speak?source=file")
        assert view.button("Start").is_disabled()
        view.choose(wrong)
        view.start()
        failure = view.page.locator(".failure[data-code=file_undecodable]")
        failure.wait_for()
        assert "cannot read sound from this file" in failure.inner_text()


def test_two_channels_of_a_file_with_one_are_explained(
    stack: RunningStack, chromium: "Browser", spoken: Path
):
    with speak(chromium, address(stack)) as view:
        view.open("#speak?source=file&channels=2")
        view.choose(spoken)
        view.page.get_by_text(spoken.name).wait_for()
        assert view.page.get_by_label("Channels").input_value() == "1"
        view.page.get_by_label("Channels").select_option("2")
        view.start()
        failure = view.page.locator(".failure")
        failure.wait_for()
        assert "choose one channel" in failure.inner_text()
        view.page.get_by_label("Channels").select_option("1")
        view.page.get_by_label("Pace").select_option("fast")
        view.button("Start again").click()
        view.wait_for_state("Finished")
        assert failure.count() == 0
        assert view.finals[0] == SAID[0]


def test_flush_ends_the_utterance_now(stack: RunningStack, speaker: "Browser"):
    with speak(speaker, address(stack)) as view:
        view.open("#speak?silence_threshold=30").start()
        view.wait_for_text("lazy")
        assert view.finals == []
        view.button("End utterance now").click()
        view.page.locator(".turn.final").first.wait_for()
        view.stop()


def test_a_transcript_is_copied_downloaded_and_cleared(
    stack: RunningStack, chromium: "Browser", call: Path
):
    permissions = ["clipboard-read", "clipboard-write"]
    with speak(chromium, address(stack), permissions=permissions) as view:
        view.open("#speak?source=file&channels=2&paced=0&words=1")
        turns = view.transcript_of(call)
        view.button("Copy").click()
        view.page.get_by_text("Copied").wait_for()
        copied = view.page.evaluate("navigator.clipboard.readText()")
        assert copied.splitlines() == [f"{who}: {text}" for who, text in turns]
        saved = {}
        for kind in ("txt", "json", "srt", "vtt"):
            view.page.get_by_label("Download as").select_option(kind)
            with view.page.expect_download() as download:
                view.button("Download").click()
            assert download.value.suggested_filename.endswith(f".{kind}")
            saved[kind] = download.value.path().read_text()
        assert turns[0][1] in saved["txt"]
        document = json.loads(saved["json"])
        assert document["utterances"][0]["words"]
        assert saved["srt"].startswith("1\n00:00:0")
        assert saved["vtt"].startswith("WEBVTT")
        view.button("Clear").click()
        assert view.finals == []
        assert view.button("Copy").is_disabled()


def test_a_second_call_keeps_the_text_of_the_first(
    stack: RunningStack, chromium: "Browser", spoken: Path
):
    with speak(chromium, address(stack)) as view:
        view.open("#speak?source=file&paced=0")
        view.choose(spoken)
        for _ in range(2):
            view.start()
            view.wait_for_state("Finished")
        assert view.finals[0] == view.finals[3] == SAID[0]
        assert view.page.get_by_role("heading", name="Earlier call 1").is_visible()


def test_a_call_goes_on_while_another_view_is_looked_at(stack: RunningStack, speaker: "Browser"):
    with speak(speaker, address(stack)) as view:
        view.open().start()
        view.page.locator(".turn.open").first.wait_for()
        view.page.get_by_role("link", name="Look").click()
        view.page.get_by_role("link", name="Speak").click()
        view.wait_for_text("Hello world")
        view.stop()
        assert (view.finals[0], len(view.finals)) == (SAID[0], 3)


def test_a_page_from_a_link_has_its_options(stack: RunningStack, chromium: "Browser"):
    permissions = ["clipboard-read", "clipboard-write"]
    with speak(chromium, address(stack), permissions=permissions) as view:
        view.open("#speak?language=de&keywords=Strom&keywords=a%2Cb&vad_threshold=7&shape=round")
        assert view.field("Language").input_value() == "de"
        note = view.page.get_by_text("They are left out")
        assert "vad_threshold, shape" in note.inner_text()
        view.field("Silence that ends an utterance").fill("1.5")
        view.field("Silence that ends an utterance").blur()
        view.field("Times of words").check()
        view.button("Copy link").click()
        view.page.get_by_text("Link copied").wait_for()
        link = view.page.evaluate("navigator.clipboard.readText()")
        query = "language=de&keywords=Strom&keywords=a%2Cb&silence_threshold=1.5&words=1"
        assert link == f"{address(stack)}/#speak?{query}"
        assert view.page.evaluate("location.hash") == f"#speak?{query}"
        view.page.get_by_role("link", name="Look").click()
        view.page.get_by_role("link", name="Speak").click()
        view.page.wait_for_function("query => location.hash === `#speak?${query}`", arg=query)
