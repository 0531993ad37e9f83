#!/bin/sh
# Takes Hythe away without a trace: containers, the engine, its links and firewall table, its data, its programs.
#
#   uninstall.sh [--keep-data]     --keep-data leaves images, volumes and records in /var/lib/hythe
set -eu
prefix=${PREFIX:-/usr/local}
PATH=$prefix/bin:$PATH

[ "$(id -u)" = 0 ] || { echo "uninstall: needs root" >&2; exit 1; }

if command -v hythe >/dev/null && command -v hythed >/dev/null; then
  containers=$(hythe ps -aq 2>/dev/null || true)
  # shellcheck disable=SC2086
  [ -z "$containers" ] || hythe rm -f $containers >/dev/null
  if [ -d /run/systemd/system ] && [ -e /etc/systemd/system/hythe.service ]; then
    systemctl disable --now hythe.socket hythe.service || true
  fi
  # The engine writes its process into the lock of its data root.
  pid=$(cat /var/lib/hythe/hythed.lock 2>/dev/null || true)
  if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = hythed ]; then
    kill "$pid" 2>/dev/null || true
    timeout 30 tail --pid="$pid" -f /dev/null || { echo "uninstall: hythed ($pid) does not stop" >&2; exit 1; }
  fi
  hythed --cleanup
fi
[ "${1:-}" = --keep-data ] || rm -rf /var/lib/hythe
rm -f /etc/systemd/system/hythe.service /etc/systemd/system/hythe.socket
[ ! -d /run/systemd/system ] || systemctl daemon-reload
rm -rf /run/hythe /run/hythe.sock /run/hythe.pid
# What the client logs of an engine it started by itself, and the images that the quick start and the tests make: all of
# them, for those that are left would no longer have the base layer of those that are made later.
rm -rf /var/log/hythed.log /var/cache/hythe-fixtures
rm -f "$prefix/bin/hythe" "$prefix/bin/hythed" "$prefix/bin/hythe-shim"
rm -f "$prefix"/share/man/man1/hythe.1 "$prefix"/share/man/man1/hythe-*.1 \
  "$prefix/share/bash-completion/completions/hythe" "$prefix/share/zsh/site-functions/_hythe" \
  "$prefix/share/fish/vendor_completions.d/hythe.fish"
for link in docker dockerd docker-compose; do
  [ "$(readlink "$prefix/bin/$link" 2>/dev/null)" != hythe ] && [ "$(readlink "$prefix/bin/$link" 2>/dev/null)" != hythed ] || rm -f "$prefix/bin/$link"
done
echo "Hythe is gone."
