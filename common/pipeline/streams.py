"""Every kind of key in Redis: how its entries are numbered, how long it lives, who writes it.

A leg's keys and a call's `meta` carry the partition tag ``{pNN}`` of their session, so a session
lives in one Redis Cluster slot. `common.bus.keys` spells them.

In a text, item n is the entry ``<n>-1``. Words that come after their item are an entry
``<last item>-<k>``, k >= 2, at the end of the text. So the first half of the last id is always the
last item's number. In ``parked``, ``<n>`` is an item whose predecessor is missing, ``w<n>`` the
words attached to an item that is still to come, each with its digest, and ``a<n>`` the digest under
which an item of the text awaits its words. See `commit.lua` and `attach.lua`.
"""

from enum import Enum
from typing import Any, Self

from common.pipeline.record import WIRE_VERSION, Message
from common.pipeline.speech import SPEECH_ENTRY
from common.pipeline.trace import TRACE_ENTRY


class Ids(Enum):
    """What the ids of a stream's entries mean."""

    POSITION = "position"
    """Audio ends at ``<position>-1``; a control takes effect at ``<position>-<k>``, k >= 2."""
    EPOCH = "epoch"
    """``<epoch>-<n>``: a former owner's epoch is smaller, so Redis refuses what it writes."""
    ITEM = "item"
    """``<item number>-<k>``."""
    SEQ = "seq"
    """``<seq>-1``: what two gateways tell of one message enters once."""
    TIME = "time"
    """Made by Redis, for many writers: entries of idempotent scripts, or hints."""
    NONE = "no stream"


class Lifetime(Enum):
    """How long a key lives."""

    SESSION = "the session"
    """Renewed with the session, removed when it ends."""
    CONSUMED = "until consumed"
    """The same; its beginning is trimmed as soon as it is no longer needed."""
    RETENTION = "until retention ends"
    SHORT = "minutes"
    DAY = "a day"
    CLIENT = "45 s unrenewed"
    YEAR = "400 days"
    GATEWAY = "the gateway"
    PERMANENT = "permanent"


class Scope(Enum):
    """What a key belongs to: the part of it between the version and the kind."""

    SESSION = "{pNN}:<session>:"
    LEG = "{pNN}:<leg>:"
    STAGE = "{<stage>}:"
    CLIENT = "{<key>}:"
    NAME = "{<name>}:"
    TENANT = "{t.<tenant>}:"
    GATEWAYS = "{gateway}:"
    BUS = ""


class Stream(str):
    """One kind of key; as a string it is the kind, such as ``audio``, the last part of the key.

    A numbered kind has one key for each `n`, see `of`. `most`: entries kept, about. `entries`: how
    to read an event entry. `holds` and `writers` are for the table in ARCHITECTURE.md.
    """

    ids: Ids
    lifetime: Lifetime
    scope: Scope
    writers: str
    holds: str
    number: str
    most: int | None
    entries: Message[Any] | None

    def __new__(
        cls,
        kind: str,
        ids: Ids,
        lifetime: Lifetime,
        *,
        writers: str,
        holds: str,
        scope: Scope = Scope.LEG,
        number: str = "",
        most: int | None = None,
        entries: Message[Any] | None = None,
    ) -> Self:
        """Describe a kind of key."""
        self = super().__new__(cls, kind)
        self.ids = ids
        self.lifetime = lifetime
        self.scope = scope
        self.writers = writers
        self.holds = holds
        self.number = number
        self.most = most
        self.entries = entries
        return self

    def of(self, number: object) -> Self:
        """Return one of a numbered kind: ``part`` of 7 is ``part:7``."""
        one = super().__new__(type(self), f"{self}:{number}")
        one.__dict__.update(self.__dict__, number="")
        return one

    def number_in(self, kind: str) -> str | None:
        """Return the number in `kind` if it is of this numbered kind, else None."""
        number = kind.removeprefix(f"{self}:")
        return number if number != kind else None

    @property
    def pattern(self) -> str:
        """How the key is written, with the names of its variable parts in angle brackets."""
        last = f"{self}:{self.number}" if self.number else str(self)
        return f"cs:v{WIRE_VERSION}:{self.scope.value}{last}"


META = Stream(
    "meta",
    Ids.NONE,
    Lifetime.RETENTION,
    scope=Scope.SESSION,
    writers="gateway",
    holds="options, token's hash, owner, controls, ends",
)
TRACE = Stream(
    "trace",
    Ids.SEQ,
    Lifetime.RETENTION,
    scope=Scope.SESSION,
    writers="gateway",
    holds="times of finals",
    most=8192,
    entries=TRACE_ENTRY,
)
AUDIO = Stream(
    "audio", Ids.POSITION, Lifetime.CONSUMED, writers="gateway", holds="PCM16 and controls"
)
CLEAN = Stream(
    "clean",
    Ids.POSITION,
    Lifetime.CONSUMED,
    writers="denoise",
    holds="the same, denoised, same positions",
)
SPEECH = Stream(
    "speech",
    Ids.EPOCH,
    Lifetime.SESSION,
    writers="VAD",
    holds="speech events",
    most=4096,
    entries=SPEECH_ENTRY,
)
TEXT = Stream(
    "text",
    Ids.ITEM,
    Lifetime.RETENTION,
    writers="ASR, VAD, align, gateway",
    holds="finals, late words, the end",
)
PARKED = Stream(
    "parked",
    Ids.NONE,
    Lifetime.SESSION,
    writers="the same",
    holds="what waits to enter the text",
)
PARTIAL = Stream(
    "part",
    Ids.EPOCH,
    Lifetime.SHORT,
    number="<n>",
    writers="ASR",
    holds="newest partial of utterance n",
)
ALIGN = Stream(
    "align",
    Ids.EPOCH,
    Lifetime.SHORT,
    number="<n>",
    writers="align",
    holds="owner of the text of utterance n",
)
CHECKPOINT = Stream(
    "ckpt",
    Ids.EPOCH,
    Lifetime.SESSION,
    number="<stage>",
    writers="VAD, denoise",
    holds="the newest checkpoint",
)
WORK_ITEMS = Stream(
    "work",
    Ids.TIME,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    writers="gateway, VAD, ASR",
    holds="work items, under a consumer group",
)
INDEX = Stream(
    "index",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    writers="the same",
    holds="work item → its entry",
)
WORKERS = Stream(
    "workers",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    writers="each process",
    holds="heartbeats with slots, use and load",
)
DEAD = Stream(
    "dead",
    Ids.TIME,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    most=1000,
    writers="each worker",
    holds="dead letters with their reason",
)
DEAD_AUDIO = Stream(
    "dead:audio",
    Ids.TIME,
    Lifetime.DAY,
    scope=Scope.STAGE,
    most=64,
    writers="ASR",
    holds="audio of dead letters",
)
DOORBELL = Stream(
    "doorbell",
    Ids.TIME,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    number="<NN>",
    most=4096,
    writers="VAD",
    holds="doorbells of the workers",
)
OUT = Stream(
    "out",
    Ids.TIME,
    Lifetime.GATEWAY,
    scope=Scope.BUS,
    number="<gateway>",
    most=4096,
    writers="VAD, ASR, align, gateway",
    holds="doorbells of a gateway",
)
CALLS = Stream(
    "calls",
    Ids.NONE,
    Lifetime.CLIENT,
    scope=Scope.CLIENT,
    writers="gateways",
    holds="calls of one client, where limited",
)
SESSIONS = Stream(
    "sessions",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.GATEWAYS,
    writers="gateways",
    holds="calls by their last renewal",
)

NAMED = Stream(
    "named",
    Ids.NONE,
    Lifetime.RETENTION,
    scope=Scope.NAME,
    writers="gateways",
    holds="calls of this name",
)
WEBHOOKS = Stream(
    "webhooks",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.GATEWAYS,
    writers="gateways",
    holds="calls with webhooks",
)

ACCESS = Stream(
    "access",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.GATEWAYS,
    writers="operators",
    holds="API keys' digests",
)
SPENT = Stream(
    "spent",
    Ids.NONE,
    Lifetime.SHORT,
    scope=Scope.NAME,
    writers="gateways",
    holds="that a token was used",
)
USAGE = Stream(
    "usage",
    Ids.NONE,
    Lifetime.YEAR,
    scope=Scope.TENANT,
    number="<day>",
    writers="gateways",
    holds="calls, legs, audio, speech",
)
COUNTED = Stream(
    "counted",
    Ids.NONE,
    Lifetime.DAY,
    scope=Scope.TENANT,
    number="<session>",
    writers="gateways",
    holds="the same of a call",
)

SOURCES = {"audio": AUDIO, "clean": CLEAN}
"""Where a stage may read audio, as work items name it."""

OF_A_SESSION = (META, TRACE)
OF_A_LEG = (AUDIO, CLEAN, SPEECH, TEXT, PARKED, PARTIAL, ALIGN, CHECKPOINT)
OF_A_STAGE = (WORK_ITEMS, INDEX, WORKERS, DEAD, DEAD_AUDIO, DOORBELL)
OTHERS = (OUT, CALLS, SESSIONS, NAMED, WEBHOOKS, ACCESS, SPENT, USAGE, COUNTED)
ALL = OF_A_SESSION + OF_A_LEG + OF_A_STAGE + OTHERS
PERMANENT = tuple(each for each in ALL if each.lifetime is Lifetime.PERMANENT)
