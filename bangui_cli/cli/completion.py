"""Answer a shell that completes a command line; imported only when one asks."""

from click.shell_completion import BashComplete, add_completion_class


class _Bash(BashComplete):
    """Bash breaks `--option=value` into three words, of which click expects two."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and that one."""
        words, incomplete = super().get_completion_args()
        return words[:-1] if words[-1:] == ["="] else words, incomplete


def prepare() -> None:
    """Let click complete as it does, but for what it does not know of bash."""
    add_completion_class(_Bash)
