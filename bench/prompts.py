"""Recorded voice prompts of a telephone system with their texts, in five languages.

They are those of Debian's `asterisk-core-sounds-*-wav`: 8 kHz, one speaker for each language; the
texts are in the packages without `-wav`. No package has German speech with its text, so German
sentences are said by a synthetic voice, `espeak-ng`. What is not installed is left out.
"""

import gzip
import random
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import NamedTuple

from bench.recordings import channels
from bench.speech import trimmed
from common.audio import SAMPLE_RATE, FloatArray
from common.languages import code_of

VOICES: Mapping[str, str] = {
    "English": "en_US_f_Allison",
    "Spanish": "es_MX_f_Allison",
    "French": "fr_CA_f_June",
    "Italian": "it_IT_m_Carlo",
    "Russian": "ru_RU_f_IvrvoiceRU",
}
SOUNDS = Path("/usr/share/asterisk/sounds")
_TEXTS = "/usr/share/doc/asterisk-core-sounds-{0}/core-sounds-{0}.txt.gz"
_SECONDS = range(1, 8)
_GERMAN = (
    "Bitte geben Sie Ihre Kundennummer ein und drücken Sie die Rautetaste.",
    "Sie haben keine neuen Nachrichten in Ihrem Postfach.",
    "Der gewünschte Teilnehmer ist zurzeit nicht erreichbar.",
    "Für weitere Informationen drücken Sie bitte die Eins.",
    "Ihr Anruf wird in wenigen Minuten von einem Mitarbeiter beantwortet.",
    "Ich möchte gern meine Adresse ändern, weil ich umgezogen bin.",
    "Können Sie mir sagen, wann die Lieferung ankommt?",
    "Meine Rechnung vom letzten Monat ist leider viel zu hoch.",
    "Guten Morgen, ich rufe wegen meines Vertrags an.",
    "Vielen Dank für Ihre Geduld, wir verbinden Sie jetzt.",
    "Das Wetter wird morgen sonnig mit einzelnen Wolken im Norden.",
    "Haben Sie noch eine andere Frage zu Ihrem Konto?",
    "Ich habe das Paket gestern nicht bekommen.",
    "Bitte warten Sie einen Moment, ich sehe in unserem System nach.",
    "Die Konferenz beginnt um halb neun im großen Saal.",
    "Alle Leitungen sind im Augenblick besetzt.",
    "Sprechen Sie Ihre Nachricht bitte nach dem Signalton.",
    "Wir möchten einen Termin für nächsten Donnerstag vereinbaren.",
    "Der Zug nach München fährt heute von Gleis sieben ab.",
    "Mein Name ist Schneider und ich wohne in der Gartenstraße.",
    "Das Passwort ist falsch, versuchen Sie es noch einmal.",
    "Sie werden mit der nächsten freien Person verbunden.",
    "Diese Nummer ist uns leider nicht bekannt.",
    "Ich verstehe nicht, warum das so lange dauert.",
    "Auf Wiederhören und einen schönen Tag noch.",
    "Können wir das nächste Woche besprechen?",
    "Die Kinder spielen jeden Nachmittag im Garten hinter dem Haus.",
    "Ihre Bestellung wurde heute früh verschickt.",
    "Drücken Sie die Zwei, um die Nachricht zu löschen.",
    "Ja, das ist richtig, vielen Dank für die schnelle Hilfe.",
)


class Prompt(NamedTuple):
    """A recording without the silence around it, float32 [n] at 16 kHz, and its text."""

    audio: FloatArray
    text: str


def texts(language: str) -> dict[str, str]:
    """Return what each recording of a language says, by its name; nothing if not installed."""
    path = Path(_TEXTS.format(code_of(language)))
    if not path.exists():
        return {}
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        return dict(row.rstrip("\n").split(": ", 1) for row in file if ": " in row)


def prompts(language: str, most: int, seed: int = 1) -> list[Prompt]:
    """Return at most `most` recordings of two words or more, 1 to 8 s long, drawn with `seed`."""
    found: list[Prompt] = []
    names = [name for name, text in sorted(texts(language).items()) if "(" not in text]
    random.Random(seed).shuffle(names)
    said = texts(language)
    for name in names:
        path = SOUNDS / VOICES[language] / f"{name}.wav"
        if len(found) < most and path.exists() and len(said[name].split()) > 1:
            audio = trimmed(channels(path)[0])
            if len(audio) // SAMPLE_RATE in _SECONDS:
                found.append(Prompt(audio, said[name]))
    return found


def german(most: int) -> list[Prompt]:
    """Return German sentences of a synthetic voice; none without `espeak-ng`."""
    if which("espeak-ng") is None:
        return []
    found: list[Prompt] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(_GERMAN[:most]):
            path = Path(folder) / f"{number}.wav"
            command = ("espeak-ng", "-v", "de", "-s", "150", "-w", str(path), text)
            subprocess.run(command, check=True)
            found.append(Prompt(trimmed(channels(path)[0]), text))
    return found
