#!/usr/bin/env bash
# A run on Slurm, with controller and node on this machine, as root on Debian: three arrays, each after the one before.
# A task that is stopped by a signal (exit code 75) is requeued by Slurm. The end has the bytes of `valleys run`.
#
#     bash tests/slurm.sh
#
# Not part of tests/run.sh: it installs a batch system. What cannot be had is told by a line that begins with SKIPPED.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "SKIPPED Slurm: root is needed"; exit 0; }
if ! command -v slurmctld >/dev/null; then
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null ||
        { echo "SKIPPED Slurm: apt-get install slurm-wlm munge"; exit 0; }
fi
cargo build --quiet --locked
valleys=$PWD/target/debug/valleys
place=$(mktemp -d)
cleanup() {
    for daemon in slurmd slurmctld; do
        [ -f "$place/$daemon.pid" ] && kill "$(cat "$place/$daemon.pid")" || true
    done
    [ -z "${munged:-}" ] || kill "$(cat /run/munge/munged.pid)" || true
    rm -rf "$place"
}
trap cleanup EXIT

mkdir -p "$place/state" "$place/spool" /run/munge /var/log/munge /var/lib/munge
chown -R munge:munge /run/munge /var/log/munge /var/lib/munge /etc/munge
chmod 755 /run/munge
if ! munge -n | unmunge >/dev/null 2>&1; then
    su -s /bin/sh munge -c /usr/sbin/munged >/dev/null 2>&1
    munged=yes
    sleep 2
fi
host=$(hostname)
export SLURM_CONF=$place/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=loop
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_min_interval=100000,sched_interval=2,bf_interval=5,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
RequeueExit=75
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) SocketsPerBoard=1 CoresPerSocket=$(nproc) ThreadsPerCore=1 RealMemory=2000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld
sleep 2
slurmd
sleep 3
sinfo

what=(--preset three-well-ring --set minima.count=5 --set lattice.n=12)
"$valleys" run "${what[@]}" --out "$place/whole" >/dev/null 2>&1
"$valleys" plan "${what[@]}" --chunk 4 --format make --out "$place/made" >"$place/makefile"
# The directory and its configuration; then each layer of tasks as an array.
make -s -f "$place/makefile" VALLEYS="$valleys" "$place/made/config.toml"
after=()
for layer in minima curves triangles; do
    sed -n "s/^\t@\$(VALLEYS) exec -j \$(THREADS) \$(OUT) \(.*\) || .*/\1/p" "$place/makefile" |
        case $layer in
            minima) grep "^minima" ;;
            curves) grep -E "^[a-z]+-[0-9]+/[0-9]+-[0-9]+( |$)" ;;
            triangles) grep -E "^[a-z]+-[0-9]+/[0-9]+-[0-9]+-[0-9]+( |$)" ;;
        esac >"$place/$layer"
    tasks=$(wc -l <"$place/$layer")
    cat >"$place/$layer.sh" <<TASK
#!/bin/bash
#SBATCH --requeue --signal=B:USR1@60 --output=$place/$layer-%a.log
exec "$valleys" exec -j 1 "$place/made" \$(sed -n "\$((SLURM_ARRAY_TASK_ID + 1))p" "$place/$layer")
TASK
    job=$(sbatch --parsable "${after[@]}" --array="0-$((tasks - 1))" "$place/$layer.sh")
    after=("--dependency=afterok:$job")
    echo "$layer: job $job, $tasks tasks"
done
start=$SECONDS
while [ -n "$(squeue -h)" ]; do
    sleep 2
    [ $((SECONDS - start)) -lt 600 ] || { squeue; cat "$place"/*.log | tail; exit 1; }
done
"$valleys" status "$place/made"
"$valleys" exec "$place/made" report >/dev/null 2>&1
rm -rf "$place"/{whole,made}/lock "$place/made/tasks"
diff -r "$place/whole" "$place/made"
echo "PASSED: on Slurm in $((SECONDS - start)) s, the same bytes"
