"""Where a server is: what libpq is to be told, and what a person may be shown of it."""

from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn, parse_dsn

from bangui_cli.rules import server_urls
from bangui_cli.states.errors import ConfigInvalid
from bangui_cli.states.records import Record
from bangui_cli.store.postgresql import custody, surroundings

_HINT = (
    "write postgresql://USER@HOST:PORT/DATABASE, with what is no letter or digit in USER or DATABASE "
    "percent-encoded; keep the password in a pass file (PGPASSFILE)"
)
# A peer that is gone without a word is noticed; where there are several hosts, the next one's turn
# comes while even a heartbeat has time left.
_PATIENCE = {
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_FIRST_OF_MANY_MS = "2500"
_BEGINNINGS = ("postgresql://", "postgres://")
_SECRETS = ("password", "sslpassword")
# No file can be there: what libpq would say of one that it does not use, is not said.
_NO_FILE = "/dev/null/none"


class Address(Record):
    """A server's address: `conninfo` for libpq alone, `shown` for everybody."""

    conninfo: str
    shown: str
    secrets: tuple[str, ...]
    # A pass file that is not used, and why.
    unused: tuple[str, str] | None = None

    def redact(self, text: str) -> str:
        """Return words of libpq or of the server without what is secret."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def parse(url: str) -> Address:
    """Return the address in a URL.

    Raise Untrusted, and ConfigInvalid, which tells nothing of a password.
    """
    shown = server_urls.shown(url)
    options = _options_of(url, shown)
    custody.require(options)
    secrets = tuple(options[key] for key in _SECRETS if options.get(key))
    given = _completed(options)
    path = surroundings.pass_file_of(given)
    fault = surroundings.pass_file_fault(path)
    if fault:
        given["passfile"] = _NO_FILE
    return Address(make_dsn(**given), shown, secrets, (path, fault) if fault else None)


def _options_of(url: str, shown: str) -> dict[str, str]:
    if not url.startswith(_BEGINNINGS):
        raise _unfit(shown, f"it does not begin with {' or '.join(_BEGINNINGS)}")
    try:
        options: dict[str, str] = parse_dsn(url)
    except ProgrammingError as error:
        # What libpq quotes may be the password, or a part of it.
        reason = str(error).removeprefix("invalid dsn: ").partition('"')[0].strip(" :\n")
        raise _unfit(shown, reason) from None
    _require_encoded(url, shown)
    return options


def _completed(options: dict[str, str]) -> dict[str, str]:
    """Return the options with what bangui wants where nobody says otherwise."""
    wanted = {"application_name": "bangui", **_PATIENCE, **surroundings.complete(options)}
    if "," in wanted.get("host", ""):
        wanted["tcp_user_timeout"] = _FIRST_OF_MANY_MS
    return {**wanted, **options, "client_encoding": "UTF8"}


def unfit(address: Address, reason: str) -> ConfigInvalid:
    """Return the state in which libpq cannot do with an address, for this reason."""
    return _unfit(address.shown, address.redact(reason))


def _unfit(shown: str, reason: str) -> ConfigInvalid:
    return ConfigInvalid(f"{shown} is no address of a server: {reason}", hint=_HINT)


def _require_encoded(url: str, shown: str) -> None:
    """Raise where a part of the password would be taken for host or database, and told as such."""
    place = url.partition("//")[2].partition("?")[0]
    if place.count("@") > 1 or 0 <= place.find("/") < place.find("@"):
        raise _unfit(shown, "it has a bare @ or / where they are to be percent-encoded (%40, %2F)")
