#!/bin/bash
# Run a command on a small machine of its own: private processes, control group, /run, /dev and
# schedules in /etc, and a journald that syslog leads to, too. All that it started ends with the command, and
# nothing is left behind. Root only.
# run: [MACHINE_OPEN=PATH:PATH] machine.sh COMMAND...   (MACHINE_OPEN: what every user is to reach there)

# Where systemd keeps its control groups: unified, hybrid or legacy.
hierarchies=$(ls /sys/fs/cgroup/{unified,systemd,}/cgroup.procs 2> /dev/null | xargs -r dirname)
if [ -z "$MACHINE" ]; then
  export MACHINE=bangui-machine-$$
  for hierarchy in $hierarchies; do mkdir "$hierarchy/$MACHINE" 2> /dev/null; done
  # Killed, unshare takes the machine along; the groups are still to be removed then.
  trap 'kill -KILL $machine' TERM
  unshare --mount --pid --fork --kill-child --mount-proc --propagation private bash "$0" "$@" &
  machine=$!
  wait $machine
  code=$?
  wait $machine
  for hierarchy in $hierarchies; do
    for _ in $(seq 50); do
      find "$hierarchy/$MACHINE" -depth -type d -exec rmdir {} \; 2> /dev/null
      [ -d "$hierarchy/$MACHINE" ] || break
      sleep .02
    done
  done
  exit $code
fi
set -e
for hierarchy in $hierarchies; do
  [ ! -d "$hierarchy/$MACHINE" ] || echo $$ > "$hierarchy/$MACHINE/cgroup.procs"
done

cover() { # DIRECTORY: put an empty one over it
  mount -t tmpfs -o mode=755 tmpfs "$1"
}

show_again() { # FROM TO: show what is at FROM also at TO, which is missing
  if [ -d "$1" ]; then mkdir -p "$2"; else : > "$2"; fi
  mount --bind "$1" "$2"
}

declare -A hidden
open_to_all() { # PATH: cover each closed directory on the way with an open one that leads on to it
  local way='' part
  while read -r part; do
    if [ -z "${hidden[$way/]}" ] && [[ $(stat -c %A "$way/") != *[xt] ]]; then
      hidden[$way/]=/run/hidden$way
      show_again "$way" "/run/hidden$way"
      cover "$way"
    fi
    if [ -n "${hidden[$way/]}" ] && [ ! -e "$way/$part" ]; then
      show_again "${hidden[$way/]}/$part" "$way/$part"
    fi
    way=$way/$part
  done < <(tr / '\n' <<< "${1#/}")
}

for directory in /run /etc/{cron.d,systemd/system} /var/spool/cron/crontabs /var/log/journal; do
  [ ! -d "$directory" ] || cover "$directory"
done
while read -r -d : path; do open_to_all "$path"; done <<< "$MACHINE_OPEN:"
: > /run/empty
[ ! -f /etc/crontab ] || mount --bind /run/empty /etc/crontab
echo 0123456789abcdef0123456789abcdef > /run/machine-id
[ ! -f /etc/machine-id ] || mount --bind /run/machine-id /etc/machine-id
mkdir -p /run/dev/shm /run/log /run/systemd/{journal,system,inaccessible/dir}
: > /run/systemd/inaccessible/reg
chmod 0 /run/systemd/inaccessible/*
find_devices() { find /dev -mindepth 1 -maxdepth 1 ! -name shm "$@"; }
for directory in $(find_devices -type d); do show_again "$directory" "/run$directory"; done
find_devices ! -type d -exec cp -a -t /run/dev {} +
rm -f /run/dev/log /run/dev/kmsg
cover /run/dev/shm
ln -s /run/systemd/journal/dev-log /run/dev/log
mount --rbind /run/dev /dev

/lib/systemd/systemd-journald > /run/journald.log 2>&1 &
echo $! > /run/journald.pid
for _ in $(seq 250); do [ ! -S /run/systemd/journal/stdout ] || break; sleep .02; done
"$@"
