#!/usr/bin/env bash
# What only a GPU can show, in one call that stops in time and goes on where it stopped when it is called again.
#
#     cargo build --profile dist
#     bash benches/hardware.sh OUT DATA [MINUTES]
#
# OUT receives the results, DATA holds the official files of CIFAR-10 and FashionMNIST. MINUTES is 9 if it is not given.
# VALLEYS names another binary, VALLEYS_DEVICE one of several adapters, PYTHON a python with torch.
#
#   devices.txt      adapters, limits, every kernel compared with the CPU
#   bench.json, bench-winograd4-f16.json   kernels and training steps on two paths
#   torch.json       the step of ResNet-20 in PyTorch: eager, compiled, and in CUDA graphs
#   table1/          Table 1 at full scale, as much as fits; each call goes on with it
#   log.txt          when each part began, and its exit code
set -u
out=${1:?OUT is missing} data=${2:?DATA is missing} minutes=${3:-9}
valleys=${VALLEYS:-target/dist/valleys} python=${PYTHON:-python3}
end=$(($(date +%s) + 60 * minutes - 15))
mkdir -p "$out"

# Runs a command whose output is FILE, unless FILE is there already. A part that fails is repeated by the next call.
part() {
    local file=$1 left=$((end - $(date +%s))) code
    shift
    if [ -e "$out/$file" ]; then return; fi
    if [ "$left" -lt 5 ]; then
        echo "$(date -u +%T) $file: no time is left" >>"$out/log.txt"
        return
    fi
    timeout "$left" "$@" >"$out/.$file" 2>>"$out/log.txt"
    code=$?
    if [ $code -eq 0 ]; then mv "$out/.$file" "$out/$file"; fi
    echo "$(date -u +%T) $file: exit code $code" >>"$out/log.txt"
}

part devices.txt "$valleys" devices
part bench.json "$valleys" bench --json
part bench-winograd4-f16.json "$valleys" bench --json --paths winograd4,f16
part torch.json "$python" "$(dirname "$0")/hardware_torch.py"

left=$((end - $(date +%s)))
if [ "$left" -gt 20 ] && [ ! -e "$out/table1/report.html" ]; then
    "$valleys" run --preset table1 --backend gpu --data "$data" --out "$out/table1" --max-time "$left" \
        >"$out/table1.txt" 2>>"$out/log.txt"
    echo "$(date -u +%T) table1: exit code $?; 75 means that a further call goes on" >>"$out/log.txt"
fi
if [ -e "$out/table1/config.toml" ]; then "$valleys" status "$out/table1" >"$out/status.txt"; fi
tail -n 8 "$out/log.txt"
if [ -e "$out/status.txt" ]; then cat "$out/status.txt"; fi
