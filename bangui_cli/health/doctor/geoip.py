"""Check the MMDB files that addresses are looked up in, and their age."""

import os
from collections.abc import Sequence

from bangui_cli.resolving import files, mmdb
from bangui_cli.rules import timestamps
from bangui_cli.states.checks import Check, failed, ok, warning
from bangui_cli.states.errors import BanguiError, NoInput

_DAY_S = 86400.0
# GeoLite2 comes twice a week, DB-IP Lite once a month.
_OLD_DAYS = 45
# The clocks of two machines differ.
_SOON_S = _DAY_S
_LAST_S = timestamps.to_wall_s("9999-12-31")
_REPLACE = "fetch a new one, as geoipupdate does from cron"


def examine(configured: Sequence[str], now_s: float) -> list[Check]:
    """Check the configured files, or those in the usual places."""
    try:
        paths = files.find_paths(configured)
    except NoInput as none:
        return [ok("geoip_db", f"{none.error}; bangui resolve would need one")]
    except BanguiError as state:
        return [failed("geoip_db", state)]
    return [_check_file(path, now_s) for path in paths]


def _check_file(path: str, now_s: float) -> Check:
    try:
        file = mmdb.open_file(path)
    except BanguiError as state:
        return failed("geoip_db", state)
    os.close(file.descriptor)
    return check_age(path, file.built_s, now_s)


def check_age(path: str, built_s: float, now_s: float) -> Check:
    """Check that a file is not so old that addresses have moved to other countries meanwhile."""
    if built_s > _LAST_S:
        return warning("geoip_db", f"{path} has a build time that makes no sense", _REPLACE)
    if built_s > now_s + _SOON_S:
        detail = f"{path} was built on {timestamps.to_text(built_s)[:10]}, in the future"
        return warning("geoip_db", detail, f"look at the clock; {_REPLACE}")
    age_days = (now_s - built_s) / _DAY_S
    detail = f"{path} was built on {timestamps.to_text(built_s)[:10]}, {max(age_days, 0):.0f} days ago"
    if age_days > _OLD_DAYS:
        return warning("geoip_db", detail, _REPLACE)
    return ok("geoip_db", detail)
