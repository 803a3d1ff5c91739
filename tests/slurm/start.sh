#!/usr/bin/env bash
# Starts Slurm with one node on loopback, all of it below the folder DIR:
#   start.sh DIR      and `export SLURM_CONF=DIR/slurm.conf PATH=DIR/bin:$PATH` for its clients
#   start.sh DIR stop
# Exit code 77 where Slurm is not installed or cannot start, with the reason on stderr. Needs Debian's slurmctld, slurmd,
# slurm-client and munge. All daemons and jobs are the user's own.
set -euo pipefail

dir=$1
cannot() {
  echo "$1" >&2
  exit 77
}

stop() {
  for name in slurmd slurmctld munged; do
    if [[ -s $dir/$name.pid ]]; then
      kill "$(< "$dir/$name.pid")" 2> /dev/null || true
    fi
  done
  # Each removes the file when it is over.
  for _ in {1..50}; do
    compgen -G "$dir/*.pid" > /dev/null || break
    sleep 0.1
  done
}
if [[ ${2:-} == stop ]]; then
  stop
  exit
fi

for program in munged slurmctld slurmd scontrol sbatch srun; do
  PATH=$PATH:/usr/sbin command -v "$program" > /dev/null || cannot "$program is not installed"
done
PATH=$PATH:/usr/sbin

# munged and slurmd want folders that others cannot write.
mkdir -p "$dir"/{bin,munge,state,spool}
chmod 755 "$dir"
chmod 700 "$dir"/munge
head -c 1024 /dev/urandom > "$dir/munge/key"
chmod 400 "$dir/munge/key"
# Two free ports, which nobody else takes in the next second.
read -r controller node < <(python3 - << 'PYTHON'
import socket
held = [socket.socket() for _ in range(2)]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))
PYTHON
)
host=$(hostname -s)
# A job of Snakemake drops all variables of Slurm before it calls srun, SLURM_CONF too, as clusters need none.
printf '#!/bin/sh\nSLURM_CONF=%q exec %q "$@"\n' "$dir/slurm.conf" "$(command -v srun)" > "$dir/bin/srun"
chmod 755 "$dir/bin/srun"
cat > "$dir/slurm.conf" << CONF
ClusterName=alphagenome
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller
SlurmdPort=$node
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$dir/munge/socket
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=0
MinJobAge=600
KillWait=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF

trap 'stop' ERR
munged --force --key-file "$dir/munge/key" --socket "$dir/munge/socket" --pid-file "$dir/munged.pid" \
  --log-file "$dir/munge/log" --seed-file "$dir/munge/seed" || cannot "munged does not start: $(tail -n 1 "$dir/munge/log")"
chmod 755 "$dir/munge"
export SLURM_CONF=$dir/slurm.conf
slurmctld || cannot "slurmctld does not start: $(tail -n 1 "$dir/slurmctld.log")"
slurmd -N "$host" || cannot "slurmd does not start: $(tail -n 1 "$dir/slurmd.log")"
for _ in {1..100}; do
  if [[ $(sinfo --noheader --format %T 2> /dev/null) == idle ]]; then
    exit 0
  fi
  sleep 0.2
done
stop
cannot "the node is not idle: $(sinfo --noheader --format '%T %E' 2>&1), $(tail -n 1 "$dir/slurmctld.log"), $(tail -n 1 "$dir/slurmd.log")"
