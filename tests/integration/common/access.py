"""The Redis user that operators are told to make."""

import redis

from common.pipeline.record import WIRE_VERSION

ACL = (
    *(f"~cs:v{WIRE_VERSION}:*", "%R~cs:v*:workers"),
    *("+@read", "+@write", "+@connection", "+@transaction", "-@dangerous"),
    *("+eval", "+evalsha", "+time", "+info", "+cluster|slots"),
)
"""What the bus needs: its own keys, heartbeats of other wire versions, no administration."""


def add_user(client: redis.Redis, name: str, password: str) -> None:
    """Make a user with exactly these rights."""
    client.execute_command("ACL", "SETUSER", name, "reset", "on", f">{password}", *ACL)
