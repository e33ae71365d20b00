"""The ways on which a file is heard: the command line, two kinds of uploads, the native socket."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp

from tests.files.recordings import Live, Recording
from tests.integration.pipeline.calls import FINALIZE, converse, split

_CHUNK = 4_000
"""Bytes of a live message."""
_TOGETHER = 3
"""Files that are sent at the same time; a gateway takes four."""
_NOT_AUDIO = "not an audio file that can be read: "


@dataclass(frozen=True, slots=True)
class Final:
    """A final; times in seconds."""

    channel: int
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a file: its finals, and what was told of the file itself, without its name.

    `remark` is None where the way has no place for one.
    """

    finals: tuple[Final, ...] = ()
    remark: str | None = ""
    refused: bool = False


Way: TypeAlias = str
COMMAND, DEEPGRAM, OPENAI, NATIVE = "command", "deepgram", "openai", "native"
WAYS: Sequence[Way] = (COMMAND, DEEPGRAM, OPENAI, NATIVE)


async def heard(
    port: int, recordings: Sequence[Recording], folder: Path, *, apart: bool
) -> dict[str, dict[Way, Heard]]:
    """Return what each file is heard as on each way that carries it, by its name.

    Channels are mixed, or kept `apart`. Files and what the command writes lie in `folder`.
    """
    together = asyncio.Semaphore(_TOGETHER)

    async def sent(recording: Recording) -> dict[Way, Heard]:
        async with together:
            data = await asyncio.to_thread(recording.make)
            found = {DEEPGRAM: await _deepgram(port, recording, data, apart=apart)}
            if recording.bare is None and not apart:
                found[OPENAI] = await _openai(port, data)
            if recording.live is not None and apart == (recording.channels == 2):
                found[NATIVE] = await _native(port, recording.live)
            return found

    plain = [each for each in recordings if each.bare is None]
    commanded, *others = await asyncio.gather(
        _command(port, plain, folder, apart=apart), *map(sent, recordings)
    )
    names = [each.name for each in recordings]
    return {
        name: ({COMMAND: commanded[name]} if name in commanded else {}) | found
        for name, found in zip(names, others, strict=True)
    }


# --- the command line ---


async def _command(
    port: int, recordings: Sequence[Recording], folder: Path, *, apart: bool
) -> dict[str, Heard]:
    """Run the command once over all files."""
    paths = [folder / f"{each.name}.{each.suffix}" for each in recordings]
    for path, each in zip(paths, recordings, strict=True):
        path.write_bytes(each.make())
    written = folder / ("apart" if apart else "mixed")
    written.mkdir()
    flags = ["--url", f"ws://127.0.0.1:{port}/ws/asr", "--format", "json", "--output", str(written)]
    flags += ["--speed", "0", "--jobs", "4", *([] if apart else ["--channel", "mix"])]
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callscribe", "transcribe", *flags, *map(str, paths)),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await running.communicate()
    lines = said.decode().splitlines()
    return {
        each.name: _commands(path, written / f"{path.stem}.json", lines)
        for path, each in zip(paths, recordings, strict=True)
    }


def _commands(path: Path, written: Path, lines: Sequence[str]) -> Heard:
    start = f"callscribe transcribe: {path}: "
    remarks = [line.removeprefix(start) for line in lines if line.startswith(start)]
    remark = "; ".join(remarks)
    if not written.exists():
        return Heard(remark=remark.removeprefix(_NOT_AUDIO), refused=True)
    return Heard(_finals(json.loads(written.read_text())["utterances"]), remark)


# --- uploads ---


async def _deepgram(port: int, recording: Recording, data: bytes, *, apart: bool) -> Heard:
    asked = {"utterances": "true", "multichannel": str(apart).lower(), **(recording.bare or {})}
    status, body = await _post(port, "/v1/listen", data, asked)
    if status != 200:
        return Heard(remark=body["err_msg"], refused=True)
    finals = _finals(body["results"]["utterances"], text="transcript")
    told = [each["message"] for each in body["metadata"].get("warnings", ())]
    return Heard(finals, _remark(told))


async def _openai(port: int, data: bytes) -> Heard:
    form = aiohttp.FormData({"response_format": "verbose_json"})
    form.add_field("file", data, filename="call.wav")
    status, body = await _post(port, "/v1/audio/transcriptions", form, {})
    if status != 200:
        return Heard(remark=body["error"]["message"], refused=True)
    return Heard(_finals(body["segments"]), _remark(body.get("warnings", ())))


async def _post(port: int, path: str, data: Any, asked: Mapping[str, str]) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{port}{path}"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data=data, params=asked) as answer,
    ):
        return answer.status, await answer.json()


def _remark(warnings: Sequence[str]) -> str:
    return "; ".join(each.removeprefix("the file is ") for each in warnings)


# --- the native socket ---


async def _native(port: int, live: Live) -> Heard:
    opening = json.dumps({"type": "config", "interim_results": False, **live.config})
    pieces = [*split(await asyncio.to_thread(live.audio), _CHUNK)]
    url = f"ws://127.0.0.1:{port}/ws/asr"
    told = await converse(url, opening, *pieces, FINALIZE)
    return Heard(_finals(told.finals), None, refused=told.close_code != 1000)


def _finals(said: Sequence[Mapping[str, Any]], *, text: str = "text") -> tuple[Final, ...]:
    """Read finals with a text, in the order of their starts."""
    finals = [
        Final(each.get("channel", 0), each["start"], each["end"], each[text].strip())
        for each in said
        if each[text].strip()
    ]
    return tuple(sorted(finals, key=lambda final: (final.start, final.channel)))
