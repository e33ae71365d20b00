"""Every kind of key in Redis: how its entries are numbered, how long it lives, who writes it.

`common.bus.keys` spells them. In a text, item n is the entry ``<n>-1``. Words that come after their
item are an entry ``<last item>-<k>``, k >= 2, at the end of the text. So the first half of the last
id is always the last item's number. In ``parked``, ``<n>`` is an item whose predecessor is missing,
``w<n>`` the words attached to an item still to come, with their digests, ``a<n>`` the digest under
which an item awaits its words. See `commit.lua` and `attach.lua`.
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
    SINK = "{<sink>}:"
    TENANT = "{t.<tenant>}:"
    GATEWAYS = "{gateway}:"
    BUS = ""


class Stream(str):
    """One kind of key; as a string it is the kind, such as ``audio``, the last part of the key.

    A numbered kind has one key for each `n`, see `of`. `most`: entries kept, about. `entries`: how
    to read an event entry. `writers`: the services that add to it, from which the rights of their
    Redis users follow. `holds` is for the table in ARCHITECTURE.md, `reveals` for that in
    docs/redis.md: what a reader of the key would learn about callers. `versioned`: each wire
    version has its own; all releases share the others, which so outlive an upgrade.
    """

    ids: Ids
    lifetime: Lifetime
    scope: Scope
    writers: tuple[str, ...]
    holds: str
    reveals: str
    number: str
    most: int | None
    entries: Message[Any] | None
    versioned: bool

    def __new__(
        cls,
        kind: str,
        ids: Ids,
        lifetime: Lifetime,
        *,
        holds: str,
        reveals: str,
        writers: tuple[str, ...] = ("gateway",),
        scope: Scope = Scope.LEG,
        number: str = "",
        most: int | None = None,
        entries: Message[Any] | None = None,
        versioned: bool = True,
    ) -> Self:
        """Describe a kind of key."""
        self = super().__new__(cls, kind)
        self.ids = ids
        self.lifetime = lifetime
        self.scope = scope
        self.writers = writers
        self.holds = holds
        self.reveals = reveals
        self.number = number
        self.most = most
        self.entries = entries
        self.versioned = versioned
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
        number = f":{self.number}" if self.number else ""
        return f"{self.prefix}:{self.scope.value}{self}{number}"

    @property
    def prefix(self) -> str:
        """What the key begins with."""
        return f"cs:v{WIRE_VERSION}" if self.versioned else "cs"


STAGES = ("denoise", "vad", "asr", "align")
"""The names of all stages; `common.pipeline.stages` describes them."""
META = Stream(
    "meta",
    Ids.NONE,
    Lifetime.RETENTION,
    scope=Scope.SESSION,
    holds="options, token's hash, owner, controls, ends",
    reveals="keywords, context, labels, names of the call, webhook",
)
TRACE = Stream(
    "trace",
    Ids.SEQ,
    Lifetime.RETENTION,
    scope=Scope.SESSION,
    holds="times of finals",
    reveals="when words were said",
    most=8192,
    entries=TRACE_ENTRY,
)
AUDIO = Stream(
    "audio",
    Ids.POSITION,
    Lifetime.CONSUMED,
    holds="PCM16 and controls",
    reveals="voice, words before pauses",
)
CLEAN = Stream(
    "clean",
    Ids.POSITION,
    Lifetime.CONSUMED,
    writers=("denoise",),
    holds="the same, denoised, same positions",
    reveals="voice, words before pauses",
)
SPEECH = Stream(
    "speech",
    Ids.EPOCH,
    Lifetime.SESSION,
    writers=("vad",),
    holds="speech events",
    reveals="when a caller spoke, words before pauses",
    most=4096,
    entries=SPEECH_ENTRY,
)
RECORDED = Stream(
    "recorded", Ids.POSITION, Lifetime.RETENTION, holds="audio to record", reveals="voice"
)
TEXT = Stream(
    "text",
    Ids.ITEM,
    Lifetime.RETENTION,
    writers=("asr", "vad", "align", "gateway"),
    holds="finals, late words, the end",
    reveals="words",
)
PARKED = Stream(
    "parked",
    Ids.NONE,
    Lifetime.SESSION,
    writers=("asr", "vad", "align", "gateway"),
    holds="what waits to enter the text",
    reveals="words",
)
PARTIAL = Stream(
    "part",
    Ids.EPOCH,
    Lifetime.SHORT,
    number="<n>",
    writers=("asr",),
    holds="newest partial of utterance n",
    reveals="words",
)
ALIGN = Stream(
    "align",
    Ids.EPOCH,
    Lifetime.SHORT,
    number="<n>",
    writers=("align",),
    holds="owner of the text of utterance n",
    reveals="nothing",
)
CHECKPOINT = Stream(
    "ckpt",
    Ids.EPOCH,
    Lifetime.SESSION,
    number="<stage>",
    writers=("vad", "denoise"),
    holds="the newest checkpoint",
    reveals="a moment of voice, keywords, context",
)
WORK_ITEMS = Stream(
    "work",
    Ids.TIME,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    writers=("gateway", "vad", "asr"),
    holds="work items, under a consumer group",
    reveals="keywords, context, for `align` words",
)
INDEX = Stream(
    "index",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    writers=("gateway", "vad", "asr"),
    holds="work item → its entry",
    reveals="ids of calls",
)
WORKERS = Stream(
    "workers",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    writers=("gateway", *STAGES),
    holds="heartbeats: slots, use, load",
    reveals="nothing",
)
DEAD = Stream(
    "dead",
    Ids.TIME,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    most=1000,
    writers=STAGES,
    holds="dead letters with their reason",
    reveals="ids of calls",
)
DEAD_CONTENTS = Stream(
    "dead:contents",
    Ids.TIME,
    Lifetime.DAY,
    scope=Scope.STAGE,
    most=64,
    writers=STAGES,
    holds="their work items, and audio",
    reveals="voice, and as `work`",
)
DOORBELL = Stream(
    "doorbell",
    Ids.TIME,
    Lifetime.PERMANENT,
    scope=Scope.STAGE,
    number="<NN>",
    most=4096,
    writers=("vad",),
    holds="doorbells of the workers",
    reveals="ids of calls",
)
OUT = Stream(
    "out",
    Ids.TIME,
    Lifetime.GATEWAY,
    scope=Scope.BUS,
    number="<gateway>",
    most=4096,
    writers=("vad", "asr", "align", "gateway"),
    holds="doorbells of a gateway",
    reveals="ids of calls",
)
CALLS = Stream(
    "calls",
    Ids.NONE,
    Lifetime.CLIENT,
    scope=Scope.CLIENT,
    holds="a client's calls, where limited",
    reveals="addresses, or digests of API keys",
)
SESSIONS = Stream(
    "sessions",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.GATEWAYS,
    holds="calls by their last renewal",
    reveals="ids of calls",
)
NAMED = Stream(
    "named",
    Ids.NONE,
    Lifetime.RETENTION,
    scope=Scope.NAME,
    holds="calls of this name",
    reveals="ids of calls, digests of names",
)
DUE = Stream(
    "due",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.SINK,
    holds="calls that it lacks",
    reveals="ids of calls",
)
TAKEN = Stream(
    "taken",
    Ids.NONE,
    Lifetime.RETENTION,
    scope=Scope.SINK,
    holds="calls that it has",
    reveals="ids of calls",
)
ERASURE = Stream(
    "erasure",
    Ids.NONE,
    Lifetime.YEAR,
    scope=Scope.SESSION,
    holds="what each sink did",
    reveals="ids of calls, until it is told a webhook",
)
SINKS = Stream(
    "sinks",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.GATEWAYS,
    holds="counts of each sink",
    reveals="names of sinks, their errors",
)
ACCESS = Stream(
    "access",
    Ids.NONE,
    Lifetime.PERMANENT,
    scope=Scope.GATEWAYS,
    writers=("operator",),
    holds="API keys' digests",
    reveals="names of keys and tenants, their limits",
    versioned=False,
)
SPENT = Stream(
    "spent",
    Ids.NONE,
    Lifetime.DAY,
    scope=Scope.NAME,
    holds="a token's call",
    reveals="ids of calls",
    versioned=False,
)
USAGE = Stream(
    "usage",
    Ids.NONE,
    Lifetime.YEAR,
    scope=Scope.TENANT,
    number="<day>",
    holds="calls, legs, audio, speech",
    reveals="how much tenants use",
    versioned=False,
)
COUNTED = Stream(
    "counted",
    Ids.NONE,
    Lifetime.DAY,
    scope=Scope.TENANT,
    number="<digest>",
    holds="the same of a call",
    reveals="how long calls are",
)

SOURCES = {"audio": AUDIO, "clean": CLEAN}
"""Where a stage may read audio, as work items name it."""

OF_A_SESSION = (META, TRACE)
OF_A_LEG = (AUDIO, CLEAN, RECORDED, SPEECH, TEXT, PARKED, PARTIAL, ALIGN, CHECKPOINT)
OF_A_STAGE = (WORK_ITEMS, INDEX, WORKERS, DEAD, DEAD_CONTENTS, DOORBELL)
OTHERS = (OUT, CALLS, SESSIONS, NAMED, DUE, TAKEN, ERASURE, SINKS, ACCESS, SPENT, USAGE, COUNTED)
ALL = OF_A_SESSION + OF_A_LEG + OF_A_STAGE + OTHERS
PERMANENT = tuple(each for each in ALL if each.lifetime is Lifetime.PERMANENT)
