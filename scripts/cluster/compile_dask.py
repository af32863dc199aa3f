#!/usr/bin/env python3
"""Runs `acc compile` over shards on a Dask cluster. The scheduler, the retries and the workers are Dask's.

    compile_dask.py --work DIR --out DIR (--scheduler ADDRESS | --scheduler-file FILE | --workers N) -- FILE... [options]

Everything after `--` goes to `acc compile`. DIR, the inputs and this checkout must be visible to all workers under the
same paths. `--workers N` starts a scheduler and N workers on this machine. Needs Debian's python3-distributed, or
`pip install distributed`, and Node on every worker. A worker that is lost gives its shard back to the scheduler;
shards that are done stay done, also when the whole job is started again.
"""
import argparse
import json
import os
import subprocess
import sys
import time


def acc(root, arguments, **options):
    return subprocess.run(["node", os.path.join(root, "scripts", "acc.mjs"), "compile", *arguments], **options)


def map_shard(root, work, shard, jobs):
    """One task: one shard, in a process that ends with its worker."""
    import ctypes
    import json
    import os
    import signal
    import socket
    import subprocess
    import time

    def note(**event):
        # Appends of one short line do not mix, so all workers share the file.
        line = json.dumps({"shard": shard, "host": socket.gethostname(), "pid": os.getpid(), **event}) + "\n"
        with open(os.path.join(work, "attempts.jsonl"), "a") as log:
            log.write(line)

    def end_with_worker():
        try:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, Linux only
        except (AttributeError, OSError):
            pass

    started = time.time()
    note(event="start", time=started)
    command = ["node", os.path.join(root, "scripts", "acc.mjs"), "compile", "--map", work]
    command += ["--shard", str(shard), "--jobs", str(jobs), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, preexec_fn=end_with_worker)
    if result.returncode != 0:
        raise RuntimeError(f"shard {shard}: {result.stderr.strip()[-2000:]}")
    done = json.loads(result.stdout)["shards"][0]
    note(event="end", time=time.time(), seconds=time.time() - started, wasDone=done["wasDone"])
    return done


def connect(options):
    from dask.distributed import Client, LocalCluster

    if options.scheduler_file:
        return Client(scheduler_file=options.scheduler_file)
    if options.scheduler:
        return Client(options.scheduler)
    return Client(LocalCluster(n_workers=options.workers, threads_per_worker=1, dashboard_address=None))


def main():
    argv = sys.argv[1:]
    at = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder for the plan and the shards, shared by all workers")
    parser.add_argument("--out", required=True, help="folder for the compiled set")
    parser.add_argument("--scheduler", help="address of a running scheduler, as tcp://host:8786")
    parser.add_argument("--scheduler-file", help="file that dask-scheduler wrote")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="workers of a cluster on this machine")
    parser.add_argument("--jobs", type=int, default=1, help="threads of each shard's process")
    parser.add_argument("--reduce-jobs", type=int, default=1, help="threads for runs that the last step compiles again")
    parser.add_argument("--shard-bytes", type=int, help="input bytes of a shard")
    options = parser.parse_args(argv[:at])
    root = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
    work = os.path.abspath(options.work)
    times = {"start": time.time()}

    def lap(name):
        now = time.time()
        times[name] = now - times["start"] - sum(v for k, v in times.items() if k != "start")

    plan = [*argv[at + 1 :], "--plan", work, "--json"]
    if options.shard_bytes:
        plan += ["--shard-bytes", str(options.shard_bytes)]
    result = acc(root, plan, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        return result.returncode
    planned = json.loads(result.stdout)
    lap("plan")

    from dask.distributed import as_completed

    with connect(options) as client:
        lap("connect")
        # Retries are for tasks that fail; tasks of lost workers are given out again without counting.
        futures = [
            client.submit(map_shard, root, work, shard, options.jobs, key=f"acc-shard-{shard}", retries=2, pure=False)
            for shard in range(planned["shards"])
        ]
        trajectories, finished, count = 0, 0, len(futures)
        waiting = as_completed(futures)
        # What was read is given up at once: a result that is lost with its worker would be asked for again.
        del futures
        for future in waiting:
            trajectories += future.result()["trajectories"]
            future.release()
            finished += 1
            if sys.stderr.isatty():
                print(f"\r{finished} of {count} shards", end="", file=sys.stderr)
        lap("map")
    reduce = ["--reduce", work, "--out", options.out, "--jobs", str(options.reduce_jobs), "--quiet"]
    status = acc(root, reduce).returncode
    lap("reduce")
    seconds = {name: round(value, 3) for name, value in times.items() if name != "start"}
    print(json.dumps({**planned, "trajectories": trajectories, "seconds": seconds, "out": options.out}))
    return status


if __name__ == "__main__":
    sys.exit(main())
