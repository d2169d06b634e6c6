"""Find variables that look like settings of bangui and are none: mostly typing mistakes."""

from collections.abc import Mapping

from bangui_cli.settings import run_id
from bangui_cli.settings.config_file import CONFIG_VARIABLE
from bangui_cli.settings.table import TABLE, nearest

_PREFIX = "BANGUI_"
_KNOWN = {setting.variable for setting in TABLE} | {CONFIG_VARIABLE, run_id.VARIABLE}


def misnamed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return each variable that sets nothing, with the nearest one that would; an empty one is unset.

    That is never an error: other programs, as the BanGUI web application, share the prefix.
    """
    unknown = [
        name
        for name, value in environment.items()
        if name.startswith(_PREFIX) and name not in _KNOWN and value
    ]
    return {name: nearest(name.upper(), _KNOWN) for name in sorted(unknown)}
