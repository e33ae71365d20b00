"""The examples do what they say, on the real stack with the sample call."""

import json
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from itertools import pairwise
from uuid import uuid4
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect

from callscribe.local.child import free_ports
from common.audio import SAMPLE_RATE
from gateway.protocols import twilio
from tests.integration import soundcard
from tests.integration.callscribe.processes import until
from tests.integration.examples.conftest import CALLER, EXAMPLES, plain
from tests.integration.gateway import telephones
from tests.integration.gateway import test_telephony as telephony
from tests.integration.pipeline.calls import clip, pcm16, said, sample_call, sentence, split

pytestmark = pytest.mark.model_text

LONGEST = 60
SPOKEN = "my name is daniel"  # or Danielle, if partials had called that stable
ANSWERED = "thank you for calling northwind energy"


PROGRAMS = {"*.py": '"""', "*.mjs": "// ", "*.html": "<!", "react/captions.tsx": "/** "}
"""Where the programs are, and how what they say first begins."""


@pytest.mark.parametrize(
    ("path", "begins"),
    [(path, begins) for glob, begins in PROGRAMS.items() for path in sorted(EXAMPLES.glob(glob))],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_example_is_short_and_says_what_it_is(path, begins):
    lines = path.read_text().splitlines()
    assert len(lines) < LONGEST
    assert lines[0].startswith(begins)


def test_the_readme_names_every_example():
    readme = (EXAMPLES / "README.md").read_text()
    told = set(re.findall(r"^\| [^|]+ \| \[([\w.]+)\]", readme, re.MULTILINE))
    files = {path.name for glob in PROGRAMS for path in EXAMPLES.glob(glob)} - {"captions.tsx"}
    assert told == files | {"asterisk", "react"}


def test_the_bot_stops_when_its_caller_speaks_and_answers_what_was_said(place, run, recording):
    caller = recording(0, 14, CALLER)
    printed = run("voice_bot.py", caller, f"{place.ws}/ws/asr")
    greeting, _, rest = printed.partition("interrupted, ")
    assert greeting.startswith("bot: Hello")
    assert "caller:" not in greeting
    # The caller begins at 6.7 s of the audio. The greeting would take 16.
    assert 6.7 <= float(rest.partition(" s into the call")[0]) <= 7.7
    assert SPOKEN in plain(" ".join(re.findall("^caller: (.+)$", rest, re.MULTILINE)))
    assert "bot: I look at your bill." in rest.splitlines()


def test_a_bot_asks_for_a_number_and_has_all_of_it_over_a_pause(place, run, tmp_path):
    one, two = np.array_split(clip("counting"), 2)
    path = tmp_path / "number.wav"
    soundfile.write(path, said(0.5, one, 1.2, two, 3.0), SAMPLE_RATE)
    question, *told = run("number_bot.py", path, "6-11", f"{place.ws}/ws/asr").splitlines()
    assert question == "bot: What are the 6-11 digits of your account?"
    (number,) = [line.removeprefix("account: ") for line in told if line.startswith("account: ")]
    assert number.isdecimal()
    assert len(number) >= 6


def test_a_bot_prepares_its_answers_and_gives_those_that_still_hold(place, run, recording):
    printed = run("eager_bot.py", recording(6, 21, CALLER), f"{place.ws}/ws/asr").splitlines()
    answers = [line.removeprefix("bot: You said: ") for line in printed if line.startswith("bot:")]
    assert SPOKEN in plain(" ".join(answers))
    # An answer is that to the text prepared last, unless that was taken back.
    for line, after in pairwise(printed):
        if line.startswith("prepared: "):
            text = line.removeprefix("prepared: ")
            assert after in ("taken back", f"bot: You said: {text}")


def test_a_recording_becomes_captions_with_speakers(place, run, recording):
    printed = run("transcribe_file.py", recording(0, 13), f"{place.ws}/ws/asr")
    cues = [cue.split("\n") for cue in printed.strip().split("\n\n")]
    assert [cue[0] for cue in cues] == [str(number) for number in range(1, len(cues) + 1)]
    span = r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}"
    assert all(re.fullmatch(span, cue[1]) for cue in cues)
    agent, customer = (
        plain(" ".join(" ".join(cue[2:]) for cue in cues if cue[2].startswith(f"{label}: ")))
        for label in ("agent", "customer")
    )
    assert "northwind energy" in agent
    assert SPOKEN in customer


def test_a_recording_of_one_channel_has_one_speaker(place, run, recording):
    printed = run("transcribe_file.py", recording(6, 13, CALLER), f"{place.ws}/ws/asr", "Daniel")
    assert SPOKEN in plain(printed.replace("\nDaniel: ", "\n"))
    assert "agent" not in printed


@pytest.mark.parametrize("ending", ["--duration", "interrupt"])
def test_a_microphone_is_transcribed_while_it_is_spoken_into(place, tmp_path, ending):
    soundcard.needed()
    speech = pcm16(said(sentence(), 0.5))
    flags = ["--duration", "6"] if ending == "--duration" else []
    command = [
        sys.executable,
        str(EXAMPLES / "microphone.py"),
        "--url",
        f"{place.ws}/ws/asr",
        *flags,
    ]
    with soundcard.soundcard(tmp_path, speech, block=3_200, seconds=0.1) as card:
        env = {**card, "PYTHONPATH": str(EXAMPLES.parent), "no_proxy": "127.0.0.1"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        try:
            assert process.stdout is not None
            # A partial ends with a carriage return, which ends a line here.
            heard = next(line for line in process.stdout if re.search(r"\d ", line))
            if ending == "interrupt":
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 0
    assert heard.split(maxsplit=2)[2].strip() == telephones.FOX


def say(client: ClientConnection, begin: float, end: float) -> None:
    """Send a stretch of the sample call faster than it was spoken."""
    for part in split(pcm16(sample_call(end)[round(begin * 8_000) :]), 3_200):
        client.send(part)


def hear_final(client: ClientConnection) -> str:
    """Return the text of the next final that has one."""
    while True:
        message = json.loads(client.recv(timeout=30))
        if message["type"] == "final" and message["text"]:
            return str(message["text"])


@pytest.mark.parametrize("by", ["session_id", "conversation_id"])
def test_a_supervisor_reads_both_parties_from_the_beginning_and_goes_on(place, start, by):
    names = {"conversation_id": f"ticket {uuid4()}"}
    labels = ["agent", "customer"]
    options = {"encoding": "pcm16", "sample_rate": 8_000, "channels": 2, "channel_labels": labels}
    with connect(f"{place.ws}/ws/asr", proxy=None, max_queue=None) as client:
        client.send(json.dumps({"type": "config", **options, **names}))
        names |= json.loads(client.recv())
        say(client, 0, 6.5)
        client.send(json.dumps({"type": "flush"}))
        assert ANSWERED in plain(hear_final(client))
        with start("supervisor.py", names[by], place.http) as supervisor:
            assert supervisor.stdout.readline().startswith("listening to ")
            # What was final before it came; nothing after it was said yet.
            assert ANSWERED in plain(supervisor.stdout.readline().partition("agent: ")[2])
            say(client, 6.5, 13)
            client.send(json.dumps({"type": "finalize"}))
            rest = supervisor.stdout.read()
            assert supervisor.wait(10) == 0
    assert SPOKEN in plain(" ".join(re.findall(r"^ *[\d.]+ customer: (.+)$", rest, re.MULTILINE)))


def test_a_supervisor_of_a_call_that_nobody_knows_says_so(place):
    command = [sys.executable, EXAMPLES / "supervisor.py", "no such call", place.http]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "no such call" in done.stderr
    assert "Traceback" not in done.stderr


def dial(port: int, call: str) -> str:
    """Do what Twilio does when somebody dials the number; return the TwiML, or nothing yet."""
    form = urllib.parse.urlencode({"CallSid": call, "From": "+15555550123"}).encode()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/voice", form, timeout=5) as answer:
            assert answer.headers.get_content_type() == "text/xml"
            return str(answer.read().decode())
    except OSError:  # nothing listens yet
        return ""


def stream(url: str, call: str) -> None:
    """Be Twilio: the caller is the inbound track, the agent the outbound one."""
    audio = sample_call(13)
    agent, caller = (
        [*split(telephones.encoded(audio[:, leg]), telephones.PACKET)] for leg in (0, 1)
    )
    with connect(url, proxy=None) as client:
        client.send(telephony.event("connected", protocol="Call", version="1.0.0"))
        client.send(telephony.start(call, "inbound", "outbound"))
        for number, (inbound, outbound) in enumerate(zip(caller, agent, strict=True)):
            client.send(telephony.media(number, inbound))
            client.send(telephony.media(number, outbound, "outbound"))
        client.send(telephony.event("stop", stop={"callSid": call}))
        with pytest.raises(ConnectionClosedOK):
            client.recv(timeout=30)


def test_the_bridge_answers_twilio_and_prints_what_is_said(place, start):
    (port,) = free_ports(1)
    call, address = f"CA{uuid4().hex}", f"{place.ws}{twilio.PROTOCOL.path}"
    with start("twilio_bridge.py", address, "+15555550100", place.http, str(port)) as bridge:
        twiml: list[str] = []

        def answered() -> bool:
            twiml.append(dial(port, call))
            return bool(twiml[-1])

        until(answered)
        response = ElementTree.fromstring(twiml[-1])
        assert [verb.tag for verb in response] == ["Start", "Dial"]
        (streaming,) = response.iter("Stream")
        assert streaming.get("track") == "both_tracks"
        assert response.findtext("Dial") == "+15555550100"
        stream(streaming.attrib["url"], call)
        said: dict[str, str] = {"customer": "", "agent": ""}
        while ANSWERED not in said["agent"] or SPOKEN not in said["customer"]:
            line = bridge.stdout.readline()
            assert line, "the bridge has ended"
            if line.startswith(call):
                party, _, text = line.removeprefix(f"{call} ").partition(": ")
                said[party] += plain(text) + " "
