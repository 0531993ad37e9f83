#!/bin/sh
# Installs what building and testing need on a fresh Debian 12 that has Rust and gcc. Needs root; safe to run again.
#
#   setup.sh run      what the quick start needs: tools to make a fixture image where no registry can be reached
#   setup.sh test     also the oracles and clients of the tests
set -eu

case "${1:-run}" in
  run) packages="debootstrap busybox-static curl musl-tools" ;;
  test) packages="debootstrap busybox-static curl musl-tools iproute2 nftables procps util-linux strace docker-registry skopeo crun runc redis-tools jq git rsyslog rsyslog-gnutls systemd openssl python3 python3-msgpack python3-venv python3-pip qemu-system-x86 seabios qemu-utils e2fsprogs cpio kmod xz-utils" ;;
  *) sed -n '2,5p' "$0"; exit 2 ;;
esac

missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
# The stock docker client: from PATH, else Debian's. Its package brings a daemon too, which is kept from starting.
[ "${1:-run}" = run ] || command -v docker >/dev/null || missing="$missing docker.io"
# The shim and the client start faster as programs of musl; without its target they are built with glibc.
if command -v rustup >/dev/null; then
  target=$(uname -m)-unknown-linux-musl
  rustup target list --installed | grep -qx "$target" || rustup target add "$target" ||
    echo "setup: no Rust library for $target; going on with glibc" >&2
fi
[ -z "$missing" ] && exit 0

export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get update -q
# shellcheck disable=SC2086
apt-get install -y -q --no-install-recommends $missing
