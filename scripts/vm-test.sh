#!/bin/sh
# Runs black-box tests of the container commands in the virtual machine of vm.sh: pure cgroup v2 with every controller,
# AppArmor, all of root's capabilities. Temporary files are on its disk: its tmpfs cannot map ids.
#
#   vm-test.sh [FILTER...]    parts of test names; by default the resource, option and runtime tests
#
# The programs are those of the debug build (HYTHE_BIN, HYTHE_SHIM), the tests the newest build of `container`
# (HYTHE_TESTS). `cargo build --workspace`, `cargo xtask shim` and `cargo test -p blackbox --no-run` make them.
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
bin=${HYTHE_BIN:-$target/debug}
shim=${HYTHE_SHIM:-$target/dist/hythe-shim}
tests=${HYTHE_TESTS:-$(find "$bin/deps" -maxdepth 1 -name 'container-*' -type f -perm /1 -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)}
[ $# -gt 0 ] || set -- unified:: options:: stop:: kill:: pause:: exec:: outlive:: isolation::privileged isolation::capabilities

share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
# Without their debugging information, which would only make the disk larger.
for program in "$bin/hythe" "$bin/hythed" "$shim"; do
  objcopy --strip-debug "$program" "$share/$(basename "$program")"
done
objcopy --strip-debug "$tests" "$share/tests"
HYTHE_VM_SHARE=$share scripts/vm.sh "TMPDIR=/var/tmp HYTHE_SHIM=/hythe/hythe-shim RUST_BACKTRACE=0 /hythe/tests --test-threads=2 --show-output $*"
