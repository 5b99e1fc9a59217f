#!/usr/bin/env bash
# Checks everything: format, lints, documentation, tests, the core's features, other machines, the firmwares.
#
#     bash tests/run.sh                      # everything
#     bash tests/run.sh tools firmwares      # some stages, see the end of this file
#
# Installs what is missing where it may (rustup components and targets; Debian packages, as root). What cannot be had is
# skipped with a line that begins with "SKIPPED"; with CI=true in the environment it is a failure instead.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
export DEBIAN_FRONTEND=noninteractive

began=$SECONDS
current="start"
times=""
skipped=0

finish() {
    status=$?
    total=$((SECONDS - began))
    if [ $status -eq 0 ]; then
        echo "PASSED in $total s ($times), $skipped skipped"
    else
        echo "FAILED after $total s, in: $current (status $status)"
    fi
}
trap finish EXIT
# Else the last status would count, and a script that was killed say that it passed.
trap 'exit 130' INT
trap 'exit 143' TERM

# stage TITLE COMMAND...: if no stages were asked for, or this one was.
asked=" $* "
stage() {
    case "$asked" in "  " | *" $1 "*) ;; *) return ;; esac
    current=$1
    echo "=== $current"
    local start=$SECONDS
    "${@:2}"
    times="$times${times:+, }$current $((SECONDS - start)) s"
    echo "=== $current: $((SECONDS - start)) s"
}

# skip WHAT HOW_TO_GET_IT
skip() {
    echo "SKIPPED $1; to have it: $2"
    skipped=$((skipped + 1))
    if [ "${CI:-}" = true ]; then
        echo "CI=true: what is missing is a failure"
        exit 69
    fi
}

# debian PACKAGE...: by apt-get, where that is allowed.
updated=no
debian() {
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    if [ $updated = no ]; then
        apt-get update -qq || true
        updated=yes
    fi
    echo "installing $*"
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# have COMMAND PACKAGE...: whether the command is there, if need be after an installation.
have() {
    command -v "$1" >/dev/null || debian "${@:2}" || true
    command -v "$1" >/dev/null
}

# cross TARGET: whether the target can be built for, if need be after an installation.
cross() {
    if [ "${CROSS:-rustup}" = rustup ] && CROSS=rustup bash tests/cross.sh "$1" 2>/dev/null; then
        return
    fi
    # Rustup offers no targets here: it is not asked again, which may take a minute each time.
    export CROSS=debian
    bash tests/cross.sh "$1" 2>/dev/null || debian rustc-web cargo-web rust-web-src lld || true
    bash tests/cross.sh "$1"
}

tools() {
    if ! command -v cargo >/dev/null; then
        echo "Rust is missing: https://rustup.rs"
        exit 69
    fi
    have cc gcc libc6-dev || { echo "a C linker is missing: apt-get install gcc libc6-dev"; exit 69; }
    for component in rustfmt clippy; do
        cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add $component
    done
    if ! compgen -G "/usr/share/vulkan/icd.d/*.json" >/dev/null && ! debian mesa-vulkan-drivers libvulkan1; then
        skip "the GPU" "apt-get install mesa-vulkan-drivers libvulkan1"
    fi
    have make make || skip "the workflow of make" "apt-get install make"
    have strace strace || skip "kill points and failing calls" "apt-get install strace"
    python3 -c 'import ensurepip' 2>/dev/null || debian python3 python3-venv ||
        skip "the workflow of Snakemake" "apt-get install python3-venv"
    have chromium chromium || skip "the report in a browser" "apt-get install chromium"
    rustc --version
}

format() {
    cargo fmt --all --check
    cargo fmt --all --check --manifest-path tests/embedded/Cargo.toml
    cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
}

lints() {
    cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo clippy --locked --manifest-path tests/embedded/Cargo.toml -p valleys-scenario -- -D warnings
}

documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
}

features() {
    cargo check --locked -p valleys-core
    cargo check --locked -p valleys-core --features alloc
    cargo check --locked -p valleys-core --features all-layers
}

# Every example, built and run. Those that write get a directory.
examples() {
    local out bin
    out=$(mktemp -d)
    bin=${CARGO_TARGET_DIR:-target}/debug
    # With the features of the whole workspace, as the tests: nothing is compiled twice.
    cargo build --locked --workspace --bins
    for file in examples/*.rs; do
        name=$(basename "$file" .rs)
        echo "--- $name"
        "$bin/$name" "$out/$name"
    done
    # Again: the run is resumed from its directory.
    "$bin/own_loss" "$out/own_loss"
    test -s "$out/own_loss/report.html" && test -s "$out/own_loss/summary.json"
    rm -r "$out"
}

# Every fuzz target, built with counters and run for two seconds, or for FUZZ_SECONDS; always on the same inputs.
fuzz() {
    if have g++ g++; then
        FUZZ_SEED=${FUZZ_SEED:-1} bash tests/fuzz/run.sh "${FUZZ_SECONDS:-2}" 2>&1
    else
        skip "the fuzz targets" "apt-get install g++"
    fi
}

# Licences and sources of all dependencies. Not installed from here: its build takes longer than all checks.
licences() {
    if cargo deny --version >/dev/null 2>&1; then
        cargo deny --locked --all-features check licenses bans sources
    else
        echo "cargo-deny is not installed: cargo install --locked cargo-deny"
    fi
}

# The core alone, not optimised: does it build where there is neither std nor 64 bits? (Cortex-M4F: see below.)
machines() {
    for target in riscv32imac-unknown-none-elf wasm32-unknown-unknown; do
        if cross $target; then
            for feature in "" alloc all-layers; do
                CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=false \
                    bash tests/cross.sh $target build --locked -p valleys-core --features "$feature" 2>&1
            done
        else
            skip "core for $target" "rustup target add $target"
        fi
    done
}

firmwares() {
    if ! have qemu-system-arm qemu-system-arm; then
        skip "the firmwares" "apt-get install qemu-system-arm"
    elif ! cross thumbv7em-none-eabihf; then
        skip "the firmwares" "rustup target add thumbv7em-none-eabihf"
    else
        bash tests/embedded/run.sh
    fi
}

vendoring() {
    if cross thumbv7em-none-eabihf; then
        bash tests/embedded/vendor.sh 2>&1
    else
        skip "the vendored copies" "rustup target add thumbv7em-none-eabihf"
    fi
}

stage tools tools
stage format format
stage lints lints
stage documentation documentation
stage features features
stage tests cargo test --locked --workspace
stage examples examples
stage fuzz fuzz
stage licences licences
stage machines machines
stage vendoring vendoring
stage firmwares firmwares
