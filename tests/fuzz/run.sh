#!/usr/bin/env bash
# Builds the fuzz targets and runs them one after the other: run.sh [SECONDS [TARGET...]]
# FUZZ_SEED in the environment repeats the same inputs.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-600}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's|^path = "targets/\(.*\)\.rs"|\1|p' Cargo.toml)
# What `cargo fuzz --sanitizer none` sets: counters for the fuzzer, on stable Rust. No address sanitizer: it wants a
# nightly compiler, and there is no unsafe code to watch. With --target, build scripts go without.
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS=$(echo $coverage) cargo build --release --locked --target "$host" --bins
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    echo "--- $target"
    "target/$host/release/$target" "corpus/$target" "seeds/$target" -artifact_prefix="artifacts/$target/" \
        -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
        ${FUZZ_SEED:+-seed="$FUZZ_SEED"} \
        >"artifacts/$target.log" 2>&1 || { tail -n 30 "artifacts/$target.log"; exit 1; }
    grep -E "number_of_executed_units|average_exec_per_sec" "artifacts/$target.log"
done
