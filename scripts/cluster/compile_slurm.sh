#!/bin/sh
# Runs `acc compile` over shards as a Slurm job array, and the last step after it. Scheduling and requeueing are Slurm's.
#
#   compile_slurm.sh --work DIR --out DIR [--tasks N] [--at-once N] [--dry-run] [--sbatch "OPTIONS"] -- FILE... [options]
#
# Everything after -- goes to `acc compile`. DIR, the inputs and this checkout must be visible to all nodes under the
# same paths; Node must be on their PATH. --tasks bounds the array (1000, below the usual MaxArraySize): each task takes
# several shards when there are more. --dry-run plans, prints the commands and submits nothing. A task whose node is
# lost is requeued by Slurm; shards that are done stay done.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
work='' out='' tasks=1000 at_once='' dry_run='' extra=''
while [ $# -gt 0 ]; do
  case $1 in
    --work) work=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --tasks) tasks=$2; shift 2 ;;
    --at-once) at_once=%$2; shift 2 ;;
    --sbatch) extra=$2; shift 2 ;;
    --dry-run) dry_run=1; shift ;;
    --) shift; break ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ -z "$work" ] || [ -z "$out" ] || [ $# -eq 0 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi

acc() { node "$root/scripts/acc.mjs" compile "$@"; }
# Planned here: it reads every input once. The folders exist from here on, so their paths can be made whole.
mkdir -p "$work" "$out"
work=$(cd "$work" && pwd)
out=$(cd "$out" && pwd)
planned=$(acc "$@" --plan "$work" --json)
shards=$(printf '%s' "$planned" | sed -n 's/.*"shards": \([0-9]*\).*/\1/p')
[ "$shards" -gt 0 ] || { echo 'the inputs hold no shard' >&2; exit 2; }
each=$(( (shards + tasks - 1) / tasks ))
last=$(( (shards + each - 1) / each - 1 ))

# The task's own script: quoted by the shell that reads it, so paths may hold spaces.
quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
cat > "$work/map.sh" <<SCRIPT
#!/bin/sh
from=\$(( SLURM_ARRAY_TASK_ID * $each ))
to=\$(( from + $each - 1 ))
[ "\$to" -lt $shards ] || to=$(( shards - 1 ))
exec node $(quote "$root/scripts/acc.mjs") compile --map $(quote "$work") --shard "\$from-\$to" --jobs "\${SLURM_CPUS_PER_TASK:-1}"
SCRIPT
cat > "$work/reduce.sh" <<SCRIPT
#!/bin/sh
# Exit code 1 says that inputs were rejected and are listed: for Slurm that is done.
node $(quote "$root/scripts/acc.mjs") compile --reduce $(quote "$work") --out $(quote "$out") --jobs "\${SLURM_CPUS_PER_TASK:-1}" || [ \$? -eq 1 ]
SCRIPT
echo "$shards shards in $(( last + 1 )) tasks" >&2

submit() {
  if [ -n "$dry_run" ]; then
    echo "sbatch $*" >&2
    echo 0
  else
    # shellcheck disable=SC2086 -- options are words
    sbatch --parsable $extra "$@"
  fi
}
array=$(submit --job-name=acc-map --requeue --array="0-$last$at_once" --output="$work/map-%a.log" "$work/map.sh")
array=${array%%;*}
last_job=$(submit --job-name=acc-reduce --dependency="afterok:$array" --kill-on-invalid-dep=yes --output="$work/reduce.log" "$work/reduce.sh")
echo "{\"shards\": $shards, \"tasks\": $(( last + 1 )), \"map\": \"$array\", \"reduce\": \"${last_job%%;*}\"}"
