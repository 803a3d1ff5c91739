#!/usr/bin/env bash
# Within a job Snakemake's Slurm plugin drops SLURM_CONF before it calls srun. Slurm itself is not needed to see it: an srun notes what it gets.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1 snakemake-executor-plugin-slurm-jobstep==0.6.1
mkdir "$dir/bin"
cd "$dir"
cat > bin/srun <<'SH'
#!/bin/sh
echo "${SLURM_CONF:-none}" > seen
# The job's own command stands behind the options.
while case "$1" in -*) true ;; *) false ;; esac; do shift; done
exec "$@"
SH
chmod 755 bin/srun
printf 'rule one:\n    output: "one.txt"\n    shell: "touch {output}"\n' > Snakefile
export PATH="$dir/bin:$dir/venv/bin:$PATH" XDG_CACHE_HOME="$dir/cache"
# As in a job that sbatch started where the configuration is named by the variable.
SLURM_JOB_ID=1 SLURM_CONF=/cluster/slurm.conf \
  snakemake --executor slurm-jobstep --jobs 1 --mode remote one.txt > log 2>&1 || { cat log >&2; exit 1; }
echo "snakemake $(snakemake --version), snakemake-executor-plugin-slurm-jobstep 0.6.1"
echo "expected: srun gets SLURM_CONF=/cluster/slurm.conf"
echo "seen:     $(< seen)"
[[ $(< seen) == none && -e one.txt ]]
