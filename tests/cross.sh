#!/usr/bin/env bash
# Cargo for a target that is not this machine:
#
#     bash tests/cross.sh thumbv7em-none-eabihf build -p valleys-core
#     bash tests/cross.sh riscv32imac-unknown-none-elf build -p valleys-core --features alloc
#     bash tests/cross.sh wasm32-unknown-unknown       # only says whether, and how, it can be done
#
# The ordinary way is `rustup target add TARGET`. Where rustup is missing or offers no targets, Debian's rustc-web with
# its sources builds core (and alloc) itself. CROSS=rustup or CROSS=debian insists on one of the two; what is used
# is said on stderr.
set -euo pipefail

target=$1
shift

rustup_has() {
    [ -d "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$target/lib" ] && return
    command -v rustup >/dev/null && timeout 120 rustup target add "$target" >/dev/null 2>&1
}

debian_has() {
    [ -x /usr/bin/cargo ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/core" ] &&
        command -v ld.lld >/dev/null
}

if [ "${CROSS:-rustup}" = rustup ] && rustup_has; then
    echo "cross: $(rustc --version), target $target of rustup" >&2
    [ $# != 0 ] || exit 0
    exec cargo "$@" --target "$target"
fi
if [ "${CROSS:-debian}" = debian ] && debian_has; then
    echo "cross: $(/usr/bin/rustc --version), core for $target built from Debian's sources" >&2
    [ $# != 0 ] || exit 0
    linker=CARGO_TARGET_$(echo "$target" | tr 'a-z-' 'A-Z_')_LINKER
    # Without the feature alloc there is not even a crate to take an allocator from.
    std=core
    case "$*" in *alloc*) std=core,alloc ;; esac
    exec env RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc "$linker=ld.lld" \
        /usr/bin/cargo "$@" --target "$target" -Zbuild-std=$std
fi
echo "cross: no way to build for $target. Either: rustup target add $target" >&2
echo "cross: or, on Debian: apt-get install rustc-web cargo-web rust-web-src lld" >&2
exit 69
