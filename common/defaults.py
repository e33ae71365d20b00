"""Settings that give a session option its value where a call gives none."""

from typing import Any

from common.options import OPTIONS
from common.settings import setting

_OWN = object()


def default_of(option: str, default: Any = _OWN, note: str = "", also: tuple[str, ...] = ()) -> Any:
    """Declare a setting with the range, the unit, the meaning and the default of an option.

    `default` is given for an option that a stage has a value for where the option itself is None.
    `note` is added to the meaning; for `also` see `setting`.
    """
    table = OPTIONS[option]
    ranged = table.high > table.low
    return setting(
        table.default if default is _OWN else default,
        f"{table.meaning}{note}, unless a call says otherwise",
        unit=table.unit,
        minimum=table.low if ranged else None,
        maximum=table.high if ranged else None,
        also=also,
    )
