#!/bin/bash -eu
# Builds every fuzz target into $OUT, with its committed corpus as the seeds.
#
#   build.sh          as ClusterFuzzLite and OSS-Fuzz run it: $OUT, $SANITIZER and the compilers are given
#   build.sh --list   only names what would be built, one target a line with its flags: for the project's own checks
#
# The canary is left out: it would be reported as a bug.

manifest=$(dirname "$(realpath "$0")")
for root in "$manifest/.." "$PWD"; do
    if [ -f "$root/fuzz/Cargo.toml" ]; then break; fi
done
cd "$root"

targets=$(sed -n 's|^path = "fuzz_targets/\(.*\)\.rs"$|\1|p' fuzz/Cargo.toml | grep -v '^canary$')

# Those with a schedule are built for the explorer that follows it.
flags() {
    if grep -q 'cfg shuttle' "fuzz/fuzz_targets/$1.rs"; then echo '--cfg shuttle'; fi
}

if [ "${1:-}" = --list ]; then
    for target in $targets; do echo "$target $(flags "$target")"; done
    exit
fi

given=${RUSTFLAGS:-}
for target in $targets; do
    # An explorer switches stacks, which AddressSanitizer cannot follow.
    sanitizer=${SANITIZER:-address}
    if [ -n "$(flags "$target")" ]; then sanitizer=none; fi
    RUSTFLAGS="$given $(flags "$target")" cargo fuzz build --fuzz-dir fuzz --release \
        --sanitizer "$sanitizer" --target-dir "fuzz/target/$sanitizer" "$target"
    cp "fuzz/target/$sanitizer/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    (cd "fuzz/corpus/$target" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
done
