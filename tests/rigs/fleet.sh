#!/usr/bin/env bash
# fleet.sh [BANGUI]: show two instances taking turns on a PostgreSQL server of their own, which is made
# in a temporary directory (never the distribution's) and is gone afterwards. Needs Debian's package
# postgresql, and bangui with its extra: pip install 'bangui-cli[postgresql]'.
set -euo pipefail
bangui=${1:-bangui}
initdb=$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -1) ||
  { echo "there is no PostgreSQL server: apt-get install postgresql" >&2; exit 69; }
bin=$(dirname "$initdb")
place=$(mktemp -d)
as_nobody() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }
stop() { as_nobody "$bin/pg_ctl" -D "$place/data" -m immediate stop > /dev/null 2>&1 || true; rm -rf "$place"; }
trap stop EXIT
if [ "$(id -u)" = 0 ]; then chown 65534:65534 "$place"; chmod 755 "$place"; fi
(
  cd "$place"
  as_nobody "$bin/initdb" -D data -U postgres -E UTF8 --auth=trust --no-sync > initdb.log
  printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "$place" | as_nobody tee -a data/postgresql.conf > /dev/null
  as_nobody "$bin/pg_ctl" -D data -w -l log start > /dev/null
)

export BANGUI_DATABASE_PATH="postgresql://postgres@/postgres?host=$place" BANGUI_LOG_LEVEL=critical
show() { printf '\n$ %s\n' "bangui $*"; "$bangui" "$@" || true; }
show init
show heartbeat --instance web1
show add 192.0.2.1 --country-code DE
show flush --instance web2 --held-ok
show lock release --instance web1
show flush --instance web2
show lookup 192.0.2.1
show lock show --instance web2
