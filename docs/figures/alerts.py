"""The table of the alerts that drills provoked, and how soon each fired."""

from docs.figures.writing import number, read, recorded, table, wrapped


def alerts() -> str:
    """Return the table, with what was done to the rules."""
    figures = read("alerts")["figures"]
    found = figures["alerts"]
    came = [each for each in found if each["fired_after_s"] is not None]
    head = wrapped(
        f"{len(came)} of {len(found)} alerts fired, by rules in which time passes"
        f" {number(figures['faster'])} times faster."
    )
    rows = [
        [f"`{each['alert']}`", each["severity"], each["provoked_by"], _after(each["fired_after_s"])]
        for each in found
    ]
    columns = ("alert", "severity", "provoked by", "s until it fired")
    return recorded("alerts", f"{head}\n\n{table(columns, rows)}")


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else number(seconds)
