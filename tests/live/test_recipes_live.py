"""The recipes of the manual, pasted as they stand, on a machine of its own."""

import re
import textwrap
from pathlib import Path

from machine import Machine, needs

PROSE = Path(__file__).parents[1] / "manual/prose"

# The real sudo has a file of its own to ask; what it does in the end is this.
MACHINE = """
for directory in /etc /var/lib /usr/sbin; do
  mkdir -p /run/over$directory/{upper,work}
  mount -t overlay overlay $directory \\
    -o lowerdir=$directory,upperdir=/run/over$directory/upper,workdir=/run/over$directory/work
done
rm -f /etc/cron.d/*
printf '#!/bin/sh\\ncat >> /run/mail\\n' > /usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail
touch /run/mail; chmod 666 /run/mail
cat > $OUT/bin/sudo <<'EOF'
#!/bin/sh
[ "$1" = -u ] && user=$2 && shift 2
export HOME=$(getent passwd $user | cut -d: -f6) USER=$user LOGNAME=$user
exec setpriv --reuid=$user --regid=$user --clear-groups "$@"
EOF
chmod 755 $OUT/bin/sudo
start_cron() { faketime -f "+$(( (118 - 10#$(date +%S)) % 60 ))s" /usr/sbin/cron -f -L 15 & }
"""


def literal(page, start):
    """Return the commands of the manual that begin so, as one pastes them."""
    blocks = re.findall(r"(?:^    .*\n)+", (PROSE / f"{page}.md").read_text(), re.MULTILINE)
    return textwrap.dedent(next(block for block in blocks if block.startswith(f"    {start}")))


@needs("cron", "faketime", "useradd")
def test_a_user_of_its_own_and_the_check_for_nagios_work_together(tmp_path):
    """The jobs run as that user, doctor finds all well, and the check finds that database."""
    recipe = literal("bangui-schedule", "useradd")
    check = literal("bangui-status", "command[check_bangui]=").removeprefix("command[check_bangui]=")
    machine = Machine(
        tmp_path,
        f"""{MACHINE}
{recipe}
sudo -u bangui bangui add 192.0.2.1 --country-code DE
start_cron
wait_for eval '[ "$(sudo -u bangui bangui status --json | jq .cache.rows)" = 1 ]'
cat > $OUT/check.sh <<'EOF'
{check}EOF
sh $OUT/check.sh > $OUT/check; echo $? >> $OUT/check
sudo -u bangui bangui doctor > $OUT/doctor || true
cat /run/mail > $OUT/mail
ls -l /var/lib/bangui > $OUT/files
""",
    ).finish()
    line, code = machine.text("check").splitlines()

    assert machine.text("mail") == ""
    assert " bangui bangui " in machine.text("files")
    assert (line.partition(";")[0], code) == ("BANGUI OK - 0 dirty rows", "0")
    assert "error" not in machine.text("doctor")
    assert re.search(r"^ok +geo_cache_flush ", machine.text("doctor"), re.MULTILINE)
