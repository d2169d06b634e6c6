"""Run bangui as `python -m bangui_cli`."""

from bangui_cli.cli.main import run

run()
