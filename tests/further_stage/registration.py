"""The lines of a further stage in the tables of the pipeline and of the roles."""

from callscribe.hosts import roles
from callscribe.hosts.roles import Role
from common.pipeline import stages, streams
from common.pipeline.stages import ASR, StageSpec, Unit
from common.pipeline.streams import AUDIO, CLEAN, TEXT, Ids, Lifetime, Stream
from common.pipeline.work import TEXT_WORK

NAME = "count"
OWNER = Stream(
    NAME,
    Ids.EPOCH,
    Lifetime.SHORT,
    number="<n>",
    writers=(NAME,),
    holds="owner of the text of utterance n",
    reveals="nothing",
)
COUNT = StageSpec(
    NAME,
    Unit.TEXT,
    TEXT_WORK,
    reads=(AUDIO, CLEAN),
    output=TEXT,
    fences=(OWNER,),
    offered_by=ASR.name,
    wanted_by="words",
    beside=True,
)
ROLE = Role(NAME, NAME, 9900, does="counts of words", memory="1G", usual=False)


def register() -> None:
    """Add it, before any other module takes these tables."""
    for stream in (
        streams.TEXT,
        streams.PARKED,
        streams.OUT,
        streams.WORKERS,
        streams.DEAD,
        streams.DEAD_CONTENTS,
    ):
        stream.writers = (*stream.writers, NAME)
    changed = {
        (streams, "STAGES"): (*streams.STAGES, NAME),
        (streams, "OF_A_LEG"): (*streams.OF_A_LEG, OWNER),
        (streams, "ALL"): (*streams.ALL, OWNER),
        (stages, "PIPELINE"): (*stages.PIPELINE, COUNT),
        (stages, "NAMES"): (*stages.NAMES, NAME),
        (stages, "OPTIONAL"): (*stages.OPTIONAL, COUNT),
        (roles, "WORKERS"): (*roles.WORKERS, ROLE),
        (roles, "ROLES"): roles.ROLES | {NAME: ROLE},
    }
    for (module, name), table in changed.items():
        setattr(module, name, table)
