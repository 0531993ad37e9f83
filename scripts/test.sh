#!/bin/sh
# Runs all the tests: formatting, lints, unit tests, and the black-box tests against real daemons. Needs root.
#
#   test.sh [nextest filter...]     e.g. test.sh -E 'test(kill)'
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh test
export HYTHE_FIXTURES="${HYTHE_FIXTURES:-/var/cache/hythe-fixtures}"
scripts/fixtures.sh "$HYTHE_FIXTURES"

if [ $# -eq 0 ]; then
  cargo fmt --all -- --check
  cargo clippy --quiet --workspace --all-targets -- -D warnings
fi
# The programs first: the black-box tests start them from the target directory.
cargo build --quiet --workspace
# What this host cannot check is counted, never taken for passed.
HYTHE_SKIPPED=$(mktemp)
export HYTHE_SKIPPED
trap 'echo "skipped here: $(sort -u "$HYTHE_SKIPPED" | wc -l)"; sort -u "$HYTHE_SKIPPED" | sed "s/^/  /"; rm -f "$HYTHE_SKIPPED"' EXIT
cargo xtask shim >/dev/null
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace --no-fail-fast "$@"
else
  cargo test --workspace --no-fail-fast
fi
