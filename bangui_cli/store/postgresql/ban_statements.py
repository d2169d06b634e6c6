"""The SQL that asks the memory of bans: made of the terms that a filter has."""

from collections.abc import Iterable

from bangui_cli.rules.masking import PREFIX_BITS
from bangui_cli.store.bans import QUARTER_HOUR_S, BanFilter
from bangui_cli.store.merging import chosen, staged

_TERMS = {
    "since": "ban.banned_at >= %(since)s",
    "until": "ban.banned_at < %(until)s",
    "active_at": "(ban.bantime_s < 0 OR {start_s} + ban.bantime_s > {active_at_s})",
    "jails": "ban.jail = ANY (%(jails)s)",
    "instances": "ban.instance = ANY (%(instances)s)",
    "addresses": "ban.ip = ANY (%(addresses)s)",
}


def _seconds(time: str) -> str:
    return f"floor(extract(epoch FROM ({time})::timestamptz))::bigint"


_START_S = _seconds("ban.banned_at")
_ACTIVE_AT_S = _seconds("%(active_at)s")


def _origin(ip: str) -> str:
    """Join what is known of an address, of a network of its first one: cached or dirty."""
    first = f"split_part({ip}, '/', 1)"
    return f"""
  LEFT JOIN bangui.geo_cache AS cached ON cached.ip = {first}
  LEFT JOIN bangui.geo_cache_dirty AS dirty ON dirty.ip = {first}"""


def _known(column: str) -> str:
    counts = chosen(staged("dirty"), staged("cached", "cached_at"), "%(latest)s")[column]
    one = f"WHEN dirty.ip IS NULL THEN cached.{column} WHEN cached.ip IS NULL THEN dirty.{column}"
    return f"CASE {one} ELSE {counts} END"


_KNOWN = {column: _known(column) for column in ("country_code", "country_name", "asn", "org")}
_ORIGIN_COLUMNS = ", ".join(_KNOWN.values())
_IN_COUNTRIES = f"""ban.ip IN (
  SELECT address.ip FROM (SELECT DISTINCT ip FROM bangui.ban_history) AS address {_origin("address.ip")}
   WHERE {_KNOWN["country_code"]} = ANY (%(countries)s))"""


def _where(which: BanFilter) -> str:
    terms = [term for name, term in _TERMS.items() if getattr(which, name)]
    if which.countries:
        terms.append(_IN_COUNTRIES)
    text = " AND ".join(terms).format(start_s=_START_S, active_at_s=_ACTIVE_AT_S)
    return f" WHERE {text}" if terms else ""


def _bans(which: BanFilter) -> str:
    return f"FROM bangui.ban_history AS ban{_where(which)}"


def _by_address(columns: Iterable[str], which: BanFilter) -> str:
    return f"SELECT {', '.join(('ban.ip AS ip', *columns))} {_bans(which)} GROUP BY ban.ip"


NETWORKS = "SELECT DISTINCT ip FROM bangui.ban_history WHERE strpos(ip, '/') > 0"
BEGINNING = "SELECT DISTINCT ip FROM bangui.ban_history WHERE ip >= %(first)s AND ip < %(behind)s"


def extent(which: BanFilter) -> str:
    """Return the statement that counts bans and tells their first and last moment."""
    return f"SELECT count(*), min(ban.banned_at), max(ban.banned_at) {_bans(which)}"


def list_newest(which: BanFilter) -> str:
    """Return the statement for bans one by one."""
    return f"""
SELECT ban.banned_at, ban.ip, ban.jail, ban.instance, ban.bantime_s, ban.bancount, ban.failures,
       {_ORIGIN_COLUMNS}
  FROM bangui.ban_history AS ban {_origin("ban.ip")} {_where(which)}
 ORDER BY ban.banned_at DESC, ban.instance DESC, ban.jail DESC, ban.ip DESC LIMIT %(limit_rows)s"""


def count_by_origin(key: str, which: BanFilter) -> str:
    """Return the statement that counts by "country", "asn" or "org", and by the names of each."""
    names = {"country": ("country_code", "country_name"), "asn": ("asn", "org"), "org": ("org", None)}
    column, name = names[key]
    return f"""
SELECT {_KNOWN[column]}, {_KNOWN[name] if name else "NULL::text"}, sum(address.bans)::bigint
  FROM ({_by_address(["count(*) AS bans"], which)}) AS address {_origin("address.ip")}
 GROUP BY 1, 2"""


def count_by_whole_origin(which: BanFilter) -> str:
    """Return the statement that counts by all of an origin, from a moment on and before it."""
    halves = (
        "count(*) FILTER (WHERE ban.banned_at >= %(middle)s) AS bans",
        "count(*) FILTER (WHERE ban.banned_at < %(middle)s) AS earlier",
    )
    return f"""
SELECT {_ORIGIN_COLUMNS},
       sum(address.bans)::bigint, count(*) FILTER (WHERE address.bans > 0),
       sum(address.earlier)::bigint, count(*) FILTER (WHERE address.earlier > 0)
  FROM ({_by_address(halves, which)}) AS address {_origin("address.ip")}
 GROUP BY 1, 2, 3, 4"""


def count_by_source(key: str, which: BanFilter) -> str:
    """Return the statement that counts by "jail" or "instance"."""
    return f"SELECT ban.{key}, NULL::text, count(*) {_bans(which)} GROUP BY 1"


def count_by_address(which: BanFilter) -> str:
    """Return the statement that counts by address, with origins, and the first and last moment."""
    counted = ("count(*) AS bans", "min(ban.banned_at) AS first_at", "max(ban.banned_at) AS last_at")
    rank = "ORDER BY bans DESC, ip"
    return f"""
SELECT address.ip, address.bans, {_ORIGIN_COLUMNS}, address.first_at, address.last_at
  FROM ({_by_address(counted, which)} {rank} LIMIT %(limit_rows)s) AS address {_origin("address.ip")}
 ORDER BY address.bans DESC, address.ip"""


def count_by_masked_address(which: BanFilter) -> str:
    """Return the statement that counts by what is left of an address once it is masked."""
    bits = f"CASE family(ip::inet) WHEN 4 THEN {PREFIX_BITS[4]} ELSE {PREFIX_BITS[6]} END"
    masked = f"host(network(set_masklen(ip::inet, {bits}))) || '/' || {bits}"
    return f"""
SELECT CASE WHEN masklen(ip::inet) >= {bits} THEN {masked} ELSE ip END COLLATE "C", sum(bans)::bigint
  FROM ({_by_address(["count(*) AS bans"], which)}) AS address
 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(limit_rows)s"""


def count_addresses(which: BanFilter) -> str:
    """Return the statement that counts the addresses of bans."""
    return f"SELECT count(*) FROM ({_by_address([], which)}) AS address"


def count_between(which: BanFilter) -> str:
    """Return the statement that counts between bounds, which are found by the key, and by jail."""
    within = "ban.banned_at >= bound.lower AND ban.banned_at < bound.upper"
    return f"""
SELECT bound.number - 1, ban.jail, count(*)
  FROM unnest(%(lowers)s::text[], %(uppers)s::text[]) WITH ORDINALITY AS bound (lower, upper, number)
  JOIN bangui.ban_history AS ban ON {within}
 {_where(which)}
 GROUP BY 1, 2"""


def count_over_time(which: BanFilter) -> str:
    """Return the statement that counts by quarter of an hour and jail."""
    start = f"{_START_S} / {QUARTER_HOUR_S} * {QUARTER_HOUR_S}"
    return f"SELECT {start}, ban.jail, count(*) {_bans(which)} GROUP BY 1, 2 ORDER BY 1, 2"
