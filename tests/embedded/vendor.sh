#!/usr/bin/env bash
# Copies the core, whole and in part, as core/README.md says, and builds the copies for a Cortex-M4F.
set -euo pipefail
cd "$(dirname "$0")/../.."
readme=core/README.md
folder=tests/embedded/target/vendored
target=thumbv7em-none-eabihf

# block FENCE FIRST_LINE: the block of the README with this fence and first line.
block() {
    awk -v fence="\`\`\`$1" -v first="$2" '
        found && /^```/ { exit }
        found { print }
        opened && $0 == first { found = 1; print }
        { opened = ($0 == fence) }
    ' $readme
}

rm -rf $folder
mkdir -p $folder/all $folder/part/src
cp -r core/src $readme $folder/all/
block toml "# all" >$folder/all/Cargo.toml
cp -r core/src/{simplex,topology,error.rs,math.rs,rng.rs} $folder/part/src/
block toml "# part" >$folder/part/Cargo.toml
block text "#![no_std]" >$folder/part/src/lib.rs

for copy in all part; do
    # The copies take the versions of this project, and are no members of its workspaces.
    cp Cargo.lock $folder/$copy/
    printf '\n[workspace]\n' >>$folder/$copy/Cargo.toml
    for feature in "" alloc; do
        (cd $folder/$copy && CARGO_PROFILE_DEV_DEBUG=false CARGO_TARGET_DIR=../target \
            bash "$OLDPWD/tests/cross.sh" $target build --features "$feature")
    done
done
echo "vendored copies build: all, part"
