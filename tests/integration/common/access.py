"""The Redis user that operators are told to make."""

import redis

ACL = (
    *("~cs:v1:*", "+@read", "+@write", "+@connection", "+@transaction", "-@dangerous"),
    *("+eval", "+evalsha", "+time", "+info", "+cluster|slots"),
)
"""What the bus needs: its own keys, no administration."""


def add_user(client: redis.Redis, name: str, password: str) -> None:
    """Make a user with exactly these rights."""
    client.execute_command("ACL", "SETUSER", name, "reset", "on", f">{password}", *ACL)
