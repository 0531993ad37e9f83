#!/bin/sh
# From a fresh Debian 12 with Rust and gcc to a running Redis container: builds and installs Hythe, starts the engine, gets
# a real Redis image, runs it and talks to it. Needs root. Safe to run again; scripts/uninstall.sh takes it all away.
set -eu
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
name=redisHostPort
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }

[ "$(id -u)" = 0 ] || { echo "quickstart: needs root (sudo $0)" >&2; exit 1; }

say "1. Building the release programs"
scripts/setup.sh run
dist=$(cargo xtask dist | tail -n 1)
install -D -m 755 -t "$prefix/bin" "$dist/hythe" "$dist/hythed" "$dist/hythe-shim"
PATH=$prefix/bin:$PATH
hythe man --dir "$prefix/share/man/man1"
mkdir -p "$prefix/share/bash-completion/completions" "$prefix/share/zsh/site-functions" "$prefix/share/fish/vendor_completions.d"
hythe completion bash > "$prefix/share/bash-completion/completions/hythe"
hythe completion zsh > "$prefix/share/zsh/site-functions/_hythe"
hythe completion fish > "$prefix/share/fish/vendor_completions.d/hythe.fish"
ls -l "$prefix/bin/hythe" "$prefix/bin/hythed" "$prefix/bin/hythe-shim"

if [ -d /run/systemd/system ]; then
  say "2. Starting the engine as a service of systemd"
  for unit in hythe.service hythe.socket; do
    sed "s#/usr/local/bin/#$prefix/bin/#" "contrib/systemd/$unit" >"/etc/systemd/system/$unit"
  done
  systemctl daemon-reload
  show systemctl enable --now hythe.socket hythe.service
else
  say "2. Starting the engine (hythe does it by itself when it runs as root)"
fi
show hythe version

say "3. Getting a Redis image"
if hythe image inspect redis:latest >/dev/null 2>&1; then
  echo "redis:latest is here already"
elif timeout 120 hythe pull redis:latest; then
  :
else
  echo "No registry can be reached: making the image from Debian's packages instead (a minute or two)."
  scripts/fixtures.sh /var/cache/hythe-fixtures redis
  show hythe load -i /var/cache/hythe-fixtures/redis.tar
fi

say "4. Running it"
if [ -n "$(hythe ps -q --filter "name=^/$name\$")" ]; then
  echo "$name runs already"
else
  hythe rm -f "$name" >/dev/null 2>&1 || true
  show hythe run -d --name "$name" -p 6379:6379 redis:latest
fi
show hythe ps

say "5. Talking to it through the published port"
# Redis answers as soon as it listens; the connection is retried until then.
hythe exec "$name" sh -c 'until redis-cli ping >/dev/null 2>&1; do :; done'
printf 'PING\r\n' | timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/6379; cat >&3; read -r answer <&3; echo "PING -> $answer"'
show hythe logs --tail 5 "$name"

say "Redis runs in a container of yours."
cat <<TEXT
Next:
  hythe exec -it $name redis-cli          a session inside
  hythe run -it --rm redis:latest bash    a shell in a container of its own
  hythe stats --no-stream; hythe inspect $name
  ln -s hythe $prefix/bin/docker          the docker command, if you like (or point docker at it:
                                          DOCKER_HOST=unix:///run/hythe.sock docker ps)
Stop it all:
  hythe rm -f $name                       this container
  scripts/uninstall.sh                    the engine and everything it made
TEXT
