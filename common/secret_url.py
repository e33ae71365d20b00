"""URLs that do not show their passwords."""

import re

_SECRET_QUERY = re.compile(r"([?&][^=&]*password=)[^&]*")


class SecretUrl(str):
    """A URL whose `repr` hides the password; the string itself is the whole URL."""

    __slots__ = ()

    @property
    def redacted(self) -> str:
        """The URL with ``***`` in place of its password."""
        scheme, separator, rest = self.partition("://")
        authority, slash, tail = rest.partition("/")
        credentials, at, host = authority.rpartition("@")
        if at:
            user, colon, _ = credentials.partition(":")
            authority = f"{user}{colon}{'***' if colon else ''}@{host}"
        return _SECRET_QUERY.sub(r"\1***", f"{scheme}{separator}{authority}{slash}{tail}")

    def __repr__(self) -> str:
        return repr(self.redacted)


class SecretUrls(SecretUrl):
    """A list of URLs, separated by commas; each can have a name: ``a=URL,b=URL``."""

    __slots__ = ()

    @property
    def redacted(self) -> str:
        """The URLs with ``***`` in place of their passwords."""
        return ",".join(SecretUrl(each).redacted for each in self.split(","))
