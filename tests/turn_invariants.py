"""What holds of the messages of protocols that are made for turns, whatever happened meanwhile."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

_NEXT = {
    "EndOfTurn": {"StartOfTurn"},
    "StartOfTurn": {"Update", "EagerEndOfTurn", "EndOfTurn"},
    "Update": {"Update", "EagerEndOfTurn", "EndOfTurn"},
    "EagerEndOfTurn": {"TurnResumed", "EndOfTurn"},
    "TurnResumed": {"Update", "EagerEndOfTurn", "EndOfTurn"},
}


def flux_breaches(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with all messages of a connection to `/v2/listen`, in words."""
    wrong: list[str] = []
    last: Mapping[str, Any] = {"event": "EndOfTurn", "turn_index": -1, "transcript": ""}
    for number, message in enumerate(messages):
        if message["sequence_id"] != number:
            wrong.append(f"message {number} has the number {message['sequence_id']}")
        if (message["type"] == "Connected") != (number == 0):
            wrong.append(f"message {number} is {message['type']}")
        if message["type"] != "TurnInfo":
            continue
        event, before = message["event"], last["event"]
        index = last["turn_index"] + (before == "EndOfTurn")
        if event not in _NEXT[before]:
            wrong.append(f"{event} after {before}")
        if message["turn_index"] != index:
            wrong.append(f"{event} of turn {message['turn_index']}, not {index}")
        if event == "EagerEndOfTurn" and not message["transcript"]:
            wrong.append("an EagerEndOfTurn is empty")
        if before == "EagerEndOfTurn" and message["transcript"] != last["transcript"]:
            wrong.append(f"{message['transcript']!r} was {last['transcript']!r} when announced")
        if ("trigger" in message) != (event == "EndOfTurn"):
            wrong.append(f"{event} with the trigger {message.get('trigger')}")
        if not 0 <= message["end_of_turn_confidence"] <= 1:
            wrong.append(f"a confidence of {message['end_of_turn_confidence']}")
        if message["audio_window_end"] < message["audio_window_start"]:
            wrong.append("an audio window runs backwards")
        last = message
    return wrong


def assemblyai_breaches(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with all messages of a connection to `/v3/ws`, in words."""
    wrong: list[str] = []
    order, spoken, terminated = 0, False, False
    for number, message in enumerate(messages):
        kind = message["type"]
        if terminated:
            wrong.append(f"{kind} behind Termination")
        if (kind == "Begin") != (number == 0):
            wrong.append(f"message {number} is {kind}")
        terminated = kind == "Termination"
        spoken = spoken or kind == "SpeechStarted"
        if kind != "Turn":
            continue
        if not spoken:
            wrong.append("a Turn without speech")
        if message["turn_order"] != order:
            wrong.append(f"turn {message['turn_order']}, not {order}")
        if message["end_of_turn"] != message["turn_is_formatted"]:
            wrong.append("an end that is not formatted, or the other way round")
        if not 0 <= message["end_of_turn_confidence"] <= 1:
            wrong.append(f"a confidence of {message['end_of_turn_confidence']}")
        said = " ".join(word["text"] for word in message["words"])
        if said.split() != message["transcript"].split():
            wrong.append(f"the words of {message['transcript']!r} are {said!r}")
        if any(word["end"] < word["start"] for word in message["words"]):
            wrong.append("a word runs backwards")
        order += message["end_of_turn"]
        spoken = spoken and not message["end_of_turn"]
    return wrong


TURN_BREACHES: Mapping[str, Callable[[Iterable[Mapping[str, Any]]], list[str]]] = {
    "flux": flux_breaches,
    "assemblyai": assemblyai_breaches,
}
"""What checks a connection of each protocol."""
