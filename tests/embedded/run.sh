#!/usr/bin/env bash
# Builds the firmwares, runs them on an emulated Cortex-M4F, and compares every result with this machine's.
#
#     bash tests/embedded/run.sh            # the comparison, and a table of flash and RAM
#     bash tests/embedded/run.sh --write    # the same, and the table goes to core/README.md
#
# Needs qemu-system-arm and what tests/cross.sh needs.
set -euo pipefail
cd "$(dirname "$0")"

target=thumbv7em-none-eabihf
export CARGO_TARGET_DIR=$PWD/target
firmwares=$CARGO_TARGET_DIR/$target/release
outputs=$CARGO_TARGET_DIR/outputs

bash ../cross.sh $target build --release --locked --bins
mkdir -p "$outputs"
for source in src/bin/*.rs; do
    name=$(basename "$source" .rs)
    timeout 120 qemu-system-arm -cpu cortex-m4 -machine mps2-an386 -display none -serial none -monitor none \
        -semihosting-config enable=on,target=native -kernel "$firmwares/$name" </dev/null >"$outputs/$name.txt" ||
        { echo "firmware $name failed with status $?; its last lines:" >&2; tail -n 3 "$outputs/$name.txt" >&2; exit 1; }
done

cd ../..
unset CARGO_TARGET_DIR
readme=()
if [ "${1:-}" = --write ]; then readme=(core/README.md); fi
cargo run --quiet --locked -p valleys-tests --example embedded -- "$firmwares" "$outputs" "${readme[@]}"
