"""How SQLite spells what bans are asked by."""

from bangui_cli.rules.entry import NO_COUNTRY, SAME_COUNTRY
from bangui_cli.rules.masking import PREFIX_BITS
from bangui_cli.store.ban_statements import ORIGIN_COLUMNS, BanStatements, Dialect
from bangui_cli.store.merging import chosen, staged
from bangui_cli.store.sqlite.foreign_rows import cached

_GIVEN_COLUMNS = ("ip", *ORIGIN_COLUMNS)
_GIVEN = f"""
WITH given ({", ".join(_GIVEN_COLUMNS)}) AS MATERIALIZED (
  SELECT {", ".join(f"json_extract(value, '$[{index}]')" for index in range(len(_GIVEN_COLUMNS)))}
    FROM json_each(:given))"""


def _first_address(ip: str) -> str:
    return f"CASE WHEN instr({ip}, '/') > 0 THEN substr({ip}, 1, instr({ip}, '/') - 1) ELSE {ip} END"


_JOINED = f"""
  LEFT JOIN geo_cache AS cached ON cached.ip = {_first_address("{ip}")}
  LEFT JOIN geo_cache_dirty AS dirty ON dirty.ip = {_first_address("{ip}")}"""
_JOINED_GIVEN = f"{_JOINED}\n  LEFT JOIN given ON given.ip = {_first_address('{ip}')}"


def _found(column: str) -> str:
    counts = chosen(staged("dirty"), cached("cached"), ":latest")[column]
    one = f"WHEN dirty.ip IS NULL THEN cached.{column} WHEN cached.ip IS NULL THEN dirty.{column}"
    return f"nullif(CAST(CASE {one} ELSE {counts} END AS TEXT), '')"


def _country(code: str) -> str:
    """Spell `known_country`."""
    code = f"upper({code})"
    none = " ".join(f"WHEN '{nothing}' THEN NULL" for nothing in NO_COUNTRY)
    same = " ".join(f"WHEN '{one}' THEN '{other}'" for one, other in SAME_COUNTRY.items())
    return f"CASE {code} {none} {same} ELSE {code} END"


def _known(column: str, found: str) -> str:
    return _country(found) if column == "country_code" else found


_FOUND = {column: _found(column) for column in ORIGIN_COLUMNS}
_GIVEN_OR_FOUND = {
    column: f"CASE WHEN given.ip IS NULL THEN {found} ELSE given.{column} END"
    for column, found in _FOUND.items()
}


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


_FIRST, _BITS = _first_address("ip"), "CAST(substr(ip, instr(ip, '/') + 1) AS INTEGER)"
_MASKED = f"""
  CASE WHEN instr(ip, ':') = 0 AND instr(ip, '/') = 0 THEN {_masked_ipv4("ip")}
       WHEN instr(ip, ':') = 0 AND {_BITS} >= {PREFIX_BITS[4]} THEN {_masked_ipv4(_FIRST)}
       WHEN instr(ip, ':') = 0 THEN ip
       WHEN instr(ip, '/') = 0 THEN {_masked_ipv6("ip")}
       WHEN {_BITS} >= {PREFIX_BITS[6]} THEN {_masked_ipv6(_FIRST)}
       ELSE ip END"""

_LOWER, _UPPER = (f"json_extract(bound.value, '$[{place}]')" for place in (0, 1))
_DIALECT = Dialect(
    table="ban_history",
    parameter=":{}",
    among="{value} IN (SELECT value FROM json_each({values}))",
    seconds="CAST(strftime('%s', {time}) AS INTEGER)",
    # As the index of networks has it.
    is_network="instr({ip}, '/') > 0",
    masked=_MASKED,
    joined=_JOINED,
    known={column: _known(column, found) for column, found in _FOUND.items()},
    # What lies between bounds is found by the key.
    between=f"""json_each(:bounds) AS bound
 CROSS JOIN ban_history AS ban NOT INDEXED ON ban.banned_at >= {_LOWER} AND ban.banned_at < {_UPPER}""",
    bound="bound.key",
    in_order=" NOT INDEXED",
)
STATEMENTS = BanStatements(_DIALECT)
# The same where the cache spells addresses otherwise: what counts for them is given. To look there for
# each address takes a sixth of a report's time.
STATEMENTS_WITH_GIVEN = BanStatements(
    _DIALECT._replace(
        beginning=_GIVEN,
        joined=_JOINED_GIVEN,
        known={column: _known(column, found) for column, found in _GIVEN_OR_FOUND.items()},
    )
)
