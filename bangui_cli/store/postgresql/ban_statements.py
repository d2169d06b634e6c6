"""How PostgreSQL spells what bans are asked by."""

from bangui_cli.rules.masking import PREFIX_BITS
from bangui_cli.store.ban_statements import ORIGIN_COLUMNS, BanStatements, Dialect
from bangui_cli.store.merging import chosen, staged

_JOINED = """
  LEFT JOIN bangui.geo_cache AS cached ON cached.ip = split_part({ip}, '/', 1)
  LEFT JOIN bangui.geo_cache_dirty AS dirty ON dirty.ip = split_part({ip}, '/', 1)"""


def _known(column: str) -> str:
    counts = chosen(staged("dirty"), staged("cached", "cached_at"), "%(latest)s")[column]
    one = f"WHEN dirty.ip IS NULL THEN cached.{column} WHEN cached.ip IS NULL THEN dirty.{column}"
    return f"CASE {one} ELSE {counts} END"


_BITS = f"CASE family(ip::inet) WHEN 4 THEN {PREFIX_BITS[4]} ELSE {PREFIX_BITS[6]} END"
_NETWORK = f"host(network(set_masklen(ip::inet, {_BITS}))) || '/' || {_BITS}"

STATEMENTS = BanStatements(
    Dialect(
        table="bangui.ban_history",
        parameter="%({})s",
        among="{value} = ANY ({values})",
        seconds="floor(extract(epoch FROM ({time})::timestamptz))::bigint",
        is_network="strpos({ip}, '/') > 0",
        masked=f'CASE WHEN masklen(ip::inet) >= {_BITS} THEN {_NETWORK} ELSE ip END COLLATE "C"',
        joined=_JOINED,
        known={column: _known(column) for column in ORIGIN_COLUMNS},
        between="""json_array_elements(%(bounds)s::json) WITH ORDINALITY AS bound (ends, number)
  JOIN bangui.ban_history AS ban
    ON ban.banned_at >= (bound.ends ->> 0) AND ban.banned_at < (bound.ends ->> 1)""",
        bound="bound.number - 1",
    )
)
