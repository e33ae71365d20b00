"""What the pods get of the site's Secrets: files, and the settings that name them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.kubernetes.values import Gateway, Redis, Service, Values

FILES = "/etc/callscribe"
BUNDLED_URL = "redis://redis:6379/0"
_PASSWORD = "redis-user"


@dataclass(frozen=True)
class Mounted:
    """A Secret as a volume; `files` has a key of it for each setting or URL option."""

    name: str
    secret: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The directory that it is mounted at."""
        return f"{FILES}/{self.name}"

    @property
    def settings(self) -> dict[str, str]:
        """The paths of the files, by setting or option."""
        return {setting: f"{self.path}/{key}" for setting, key in self.files.items()}


def of_service(service: Service) -> list[Mounted]:
    """Return what one kind of process needs besides Redis."""
    if not isinstance(service, Gateway):
        return []
    wanted = [
        Mounted("webhooks", service.webhook_secret, {"webhook_secret_file": "secrets"}),
        Mounted("keys", service.keys_secret, {"keys_file": "keys.json"}),
        Mounted("jwt", service.jwt_secret, {f"jwt_{service.jwt_key}_file": service.jwt_key}),
        Mounted("twilio", service.twilio_secret, {"twilio_auth_token_file": "auth_token"}),
        Mounted("tls", service.tls_secret, {"ssl_certfile": "tls.crt", "ssl_keyfile": "tls.key"}),
    ]
    return [each for each in wanted if each.secret]


def of_redis(redis: Redis, name: str) -> list[Mounted]:
    """Return what the service `name` needs to reach Redis: no other one's password."""
    users = Mounted(_PASSWORD, redis.user_secrets and user_secret(redis, name))
    return [each for each in (*_tls(redis), users) if each.secret]


def user_secret(redis: Redis, name: str) -> str:
    """Return the name of the Secret with the password of a service, or of the bundled server."""
    return f"{redis.user_secrets}-{name}"


def redis_variable(values: Values) -> dict[str, Any]:
    """Return the variable with the URL: without users it is a secret, as its password is in it."""
    redis, variable = values.redis, {"name": "CALLSCRIBE_REDIS_URL"}
    if not redis.user_secrets:
        return variable | {"valueFrom": {"secretKeyRef": {"name": redis.secret, "key": "url"}}}
    url = redis.url or BUNDLED_URL
    options = [f"passwords={FILES}/{_PASSWORD}"]
    for each in _tls(redis):
        if each.secret:
            options += [f"{option}={path}" for option, path in each.settings.items()]
    return variable | {"value": f"{url}{'&' if '?' in url else '?'}{'&'.join(options)}"}


def _tls(redis: Redis) -> list[Mounted]:
    """Return the certificates, by the options of the URL that name them."""
    client = {"ssl_certfile": "tls.crt", "ssl_keyfile": "tls.key"}
    return [
        Mounted("redis", redis.tls_secret, {"ssl_ca_certs": "ca.crt"}),
        Mounted("redis-client", redis.client_secret, client),
    ]
