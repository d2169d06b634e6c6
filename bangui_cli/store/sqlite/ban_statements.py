"""The SQL that asks the memory of bans: made of the terms that a filter has."""

from collections.abc import Iterable

from bangui_cli.rules.entry import NO_COUNTRY, SAME_COUNTRY
from bangui_cli.rules.masking import PREFIX_BITS
from bangui_cli.store.bans import QUARTER_HOUR_S, BanFilter
from bangui_cli.store.merging import chosen, staged
from bangui_cli.store.sqlite.foreign_rows import cached

_TERMS = {
    "since": "ban.banned_at >= :since",
    "until": "ban.banned_at < :until",
    "active_at": "(ban.bantime_s < 0 OR {start_s} + ban.bantime_s > {active_at_s})",
    "jails": "ban.jail IN (SELECT value FROM json_each(:jails))",
    "instances": "ban.instance IN (SELECT value FROM json_each(:instances))",
    "addresses": "ban.ip IN (SELECT value FROM json_each(:addresses))",
}


def _seconds(time: str) -> str:
    return f"CAST(strftime('%s', {time}) AS INTEGER)"


_START_S = _seconds("ban.banned_at")


def _first_address(ip: str) -> str:
    return f"CASE WHEN instr({ip}, '/') > 0 THEN substr({ip}, 1, instr({ip}, '/') - 1) ELSE {ip} END"


def _origin(ip: str) -> str:
    """Join what is known of an address: cached, dirty, or given, where the cache spells it otherwise."""
    first = _first_address(ip)
    return f"""
  LEFT JOIN geo_cache AS cached ON cached.ip = {first}
  LEFT JOIN geo_cache_dirty AS dirty ON dirty.ip = {first}
  LEFT JOIN given ON given.ip = {first}"""


_COLUMNS = ("ip", "country_code", "country_name", "asn", "org")
_GIVEN = f"""
WITH given ({", ".join(_COLUMNS)}) AS MATERIALIZED (
  SELECT {", ".join(f"json_extract(value, '$[{index}]')" for index in range(len(_COLUMNS)))}
    FROM json_each(:given))"""


def _known(column: str) -> str:
    counts = chosen(staged("dirty"), cached("cached"), ":latest")[column]
    one = f"WHEN dirty.ip IS NULL THEN cached.{column} WHEN cached.ip IS NULL THEN dirty.{column}"
    found = f"CASE {one} ELSE {counts} END"
    return f"CASE WHEN given.ip IS NULL THEN nullif(CAST({found} AS TEXT), '') ELSE given.{column} END"


def _known_country() -> str:
    """Spell `known_country`."""
    code = f"upper({_known('country_code')})"
    none = " ".join(f"WHEN '{code}' THEN NULL" for code in NO_COUNTRY)
    same = " ".join(f"WHEN '{code}' THEN '{other}'" for code, other in SAME_COUNTRY.items())
    return f"CASE {code} {none} {same} ELSE {code} END"


_KNOWN = {column: _known(column) for column in _COLUMNS[1:]} | {"country_code": _known_country()}
_ORIGIN_COLUMNS = ", ".join(_KNOWN[column] for column in _COLUMNS[1:])
_IN_COUNTRIES = f"""ban.ip IN (
  SELECT address.ip FROM (SELECT DISTINCT ip FROM ban_history) AS address {_origin("address.ip")}
   WHERE {_KNOWN["country_code"]} IN (SELECT value FROM json_each(:countries)))"""


def _where(which: BanFilter) -> str:
    terms = [term for name, term in _TERMS.items() if getattr(which, name)]
    if which.countries:
        terms.append(_IN_COUNTRIES)
    active_at_s = _seconds(":active_at")
    text = " AND ".join(terms).format(start_s=_START_S, active_at_s=active_at_s)
    return f" WHERE {text}" if terms else ""


def _bans(which: BanFilter) -> str:
    return f"FROM ban_history AS ban{_where(which)}"


def _by_address(columns: Iterable[str], which: BanFilter) -> str:
    return f"SELECT {', '.join(('ban.ip AS ip', *columns))} {_bans(which)} GROUP BY ban.ip"


# A network has a slash, and an index of its own.
NETWORKS = "SELECT DISTINCT ip FROM ban_history WHERE instr(ip, '/') > 0"
BEGINNING = "SELECT DISTINCT ip FROM ban_history WHERE ip >= :first AND ip < :behind"


def extent(which: BanFilter) -> str:
    """Return the statement that counts bans and tells their first and last moment."""
    return f"{_GIVEN} SELECT count(*), min(ban.banned_at), max(ban.banned_at) {_bans(which)}"


def list_newest(which: BanFilter) -> str:
    """Return the statement for bans one by one."""
    return f"""{_GIVEN}
SELECT ban.banned_at, ban.ip, ban.jail, ban.instance, ban.bantime_s, ban.bancount, ban.failures,
       {_ORIGIN_COLUMNS}
  FROM ban_history AS ban {_origin("ban.ip")} {_where(which)}
 ORDER BY ban.banned_at DESC, ban.instance DESC, ban.jail DESC, ban.ip DESC LIMIT :limit_rows"""


def count_by_origin(key: str, which: BanFilter) -> str:
    """Return the statement that counts by "country", "asn" or "org", and by the names of each."""
    names = {"country": ("country_code", "country_name"), "asn": ("asn", "org"), "org": ("org", None)}
    column, name = names[key]
    return f"""{_GIVEN}
SELECT {_KNOWN[column]}, {_KNOWN[name] if name else "NULL"}, sum(address.bans)
  FROM ({_by_address(["count(*) AS bans"], which)}) AS address {_origin("address.ip")}
 GROUP BY 1, 2"""


def count_by_whole_origin(which: BanFilter) -> str:
    """Return the statement that counts by all of an origin, from a moment on and before it."""
    halves = ("sum(ban.banned_at >= :middle) AS bans", "sum(ban.banned_at < :middle) AS earlier")
    return f"""{_GIVEN}
SELECT {_ORIGIN_COLUMNS},
       sum(address.bans), sum(address.bans > 0), sum(address.earlier), sum(address.earlier > 0)
  FROM ({_by_address(halves, which)}) AS address {_origin("address.ip")}
 GROUP BY 1, 2, 3, 4"""


def count_by_source(key: str, which: BanFilter) -> str:
    """Return the statement that counts by "jail" or "instance"."""
    return f"{_GIVEN} SELECT ban.{key}, NULL, count(*) {_bans(which)} GROUP BY 1"


def count_by_address(which: BanFilter) -> str:
    """Return the statement that counts by address, with origins, and the first and last moment."""
    counted = ("count(*) AS bans", "min(ban.banned_at) AS first_at", "max(ban.banned_at) AS last_at")
    rank = "ORDER BY bans DESC, ip"
    return f"""{_GIVEN}
SELECT address.ip, address.bans, {_ORIGIN_COLUMNS}, address.first_at, address.last_at
  FROM ({_by_address(counted, which)} {rank} LIMIT :limit_rows) AS address {_origin("address.ip")}
 ORDER BY address.bans DESC, address.ip"""


def count_by_masked_address(which: BanFilter) -> str:
    """Return the statement that counts by what is left of an address once it is masked."""
    first, bits = _first_address("ip"), "CAST(substr(ip, instr(ip, '/') + 1) AS INTEGER)"
    return f"""{_GIVEN}
SELECT CASE WHEN instr(ip, ':') = 0 AND instr(ip, '/') = 0 THEN {_masked_ipv4("ip")}
            WHEN instr(ip, ':') = 0 AND {bits} >= {PREFIX_BITS[4]} THEN {_masked_ipv4(first)}
            WHEN instr(ip, ':') = 0 THEN ip
            WHEN instr(ip, '/') = 0 THEN {_masked_ipv6("ip")}
            WHEN {bits} >= {PREFIX_BITS[6]} THEN {_masked_ipv6(first)}
            ELSE ip END, sum(bans)
  FROM ({_by_address(["count(*) AS bans"], which)})
 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :limit_rows"""


def _masked_ipv4(ip: str) -> str:
    return f"rtrim({ip}, '0123456789') || '0/{PREFIX_BITS[4]}'"


def _masked_ipv6(ip: str) -> str:
    """Cut a normal form behind its third group, or where the zeros begin before; zeros go to them."""
    behind = ip
    for _ in range(PREFIX_BITS[6] // 16):
        behind = f"substr({behind}, instr({behind}, ':') + 1)"
    head = f"substr({ip}, 1, length({ip}) - length({behind})) || ':'"
    cut = f"substr({head}, 1, instr({head}, '::') + 1) || '/{PREFIX_BITS[6]}'"
    for _ in range(2):
        cut = f"replace({cut}, ':0::/', '::/')"
    return cut


def count_addresses(which: BanFilter) -> str:
    """Return the statement that counts the addresses of bans."""
    return f"{_GIVEN} SELECT count(*) FROM ({_by_address([], which)})"


def count_between(which: BanFilter) -> str:
    """Return the statement that counts between bounds, which are found by the key, and by jail."""
    lower, upper = (f"json_extract(bound.value, '$[{place}]')" for place in (0, 1))
    return f"""{_GIVEN}
SELECT bound.key, ban.jail, count(*)
  FROM json_each(:bounds) AS bound
 CROSS JOIN ban_history AS ban NOT INDEXED ON ban.banned_at >= {lower} AND ban.banned_at < {upper}
 {_where(which)}
 GROUP BY 1, 2"""


def count_over_time(which: BanFilter) -> str:
    """Return the statement that counts by quarter of an hour and jail."""
    start = f"{_START_S} / {QUARTER_HOUR_S} * {QUARTER_HOUR_S}"
    # To read the rows in order of time leaves the sort little to do.
    in_order = "" if which.addresses else " NOT INDEXED"
    return f"""{_GIVEN}
SELECT {start}, ban.jail, count(*) FROM ban_history AS ban{in_order}{_where(which)} GROUP BY 1, 2"""
