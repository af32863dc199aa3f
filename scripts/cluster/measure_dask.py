#!/usr/bin/env python3
"""Measures `acc compile` under Dask against one process: real samples repeated under new ids, a worker killed midway.

    measure_dask.py [--megabytes 1000] [--workers 1,2,4] [--samples DIR] [--keep DIR] [--no-kill]

For each number of workers it starts a scheduler and workers on loopback, kills one worker with SIGKILL when half of the
shards are done, starts another in its place, and compares every byte of the result with that of one process. It prints
the times, the speed-up, and how many shards were started twice. Needs Debian's python3-distributed.
"""
import argparse
import filecmp
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
IDS = ("id", "trajectory_id", "task_id", "instance_id")


def samples(folder):
    """Records of 20 to 400 KB, one JSON line each: search and software-engineering runs."""
    paths = ["webdancer/sample_traj.subset.jsonl", "swe-smith-sft/ft_xml_example.rows1-2.jsonl"]
    for name in ("web-search", "finance-agent", "openhands-swe", "claude-code-swebench"):
        paths.append(f"openai-responses/{name}.rollouts.jsonl")
    for path in paths:
        with open(os.path.join(folder, path), encoding="utf-8") as lines:
            yield [json.loads(line) for line in lines if line.strip()]


def write_inputs(folder, source, megabytes):
    groups = list(samples(source))
    files = []
    for index, records in enumerate(groups):
        path = os.path.join(folder, f"records-{index}.jsonl")
        size, number = 0, 0
        with open(path, "w", encoding="utf-8") as file:
            while size < megabytes * 1e6 / len(groups):
                record = dict(records[number % len(records)])
                record.update({key: f"{record[key]}-{number}" for key in IDS if key in record})
                size += file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
                number += 1
        files.append(path)
    return files


def same(left, right):
    names = sorted(os.listdir(left))
    return names == sorted(os.listdir(right)) and all(
        filecmp.cmp(os.path.join(left, name), os.path.join(right, name), shallow=False) for name in names
    )


def cpu_seconds():
    """CPU time of all processes that were started here and have ended: comparable on a busy machine too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def attempts(work):
    try:
        with open(os.path.join(work, "attempts.jsonl"), encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    except FileNotFoundError:
        return []


class Cluster:
    """A scheduler and workers of one thread on loopback."""

    def __init__(self, folder, workers):
        self.file = os.path.join(folder, "scheduler.json")
        self.processes = []
        self.scheduler = self.start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not os.path.exists(self.file):
            time.sleep(0.05)
        for _ in range(workers):
            self.add_worker()

    def start(self, module, *arguments):
        # The module, not Debian's wrapper: its process id is the worker's.
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", self.file, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def add_worker(self):
        return self.start("dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


def run_cluster(folder, files, flags, workers, kill, shard_bytes):
    work, out = os.path.join(folder, "work"), os.path.join(folder, "out")
    os.makedirs(work)
    cluster = Cluster(folder, workers)
    killed = None
    started, cpu = time.time(), cpu_seconds()
    try:
        command = [sys.executable, os.path.join(HERE, "compile_dask.py"), "--work", work, "--out", out]
        command += ["--scheduler-file", cluster.file, "--shard-bytes", str(shard_bytes), "--", *files, *flags]
        driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        while kill and killed is None and driver.poll() is None:
            time.sleep(0.02)
            seen = attempts(work)
            ended = {one["shard"] for one in seen if one["event"] == "end"}
            running = [one for one in seen if one["event"] == "start" and one["shard"] not in ended]
            if not running:
                continue
            with open(os.path.join(work, "plan.json"), encoding="utf-8") as plan:
                count = len(json.load(plan)["shards"])
            if len(ended) >= count / 2:
                killed = running[-1]
                os.kill(killed["pid"], signal.SIGKILL)
                cluster.add_worker()
        text, _ = driver.communicate()
        if driver.returncode not in (0, 1):
            raise SystemExit(f"the driver ended with {driver.returncode}")
        elapsed = time.time() - started
    finally:
        cluster.stop()
    seen = attempts(work)
    shards = json.loads(text)["shards"]
    made = [one["shard"] for one in seen if one["event"] == "end" and not one["wasDone"]]
    # A worker killed between its shard's last byte and its note has made that shard; the second start finds it done.
    found = {one["shard"] for one in seen if one["event"] == "end" and one["wasDone"]}
    if killed and killed["shard"] in found - set(made):
        made.append(killed["shard"])
    starts = [one["shard"] for one in seen if one["event"] == "start"]
    return {
        "workers": workers,
        "seconds": elapsed,
        "cpu": cpu_seconds() - cpu,
        "parts": json.loads(text)["seconds"],
        "shards": shards,
        "killedShard": killed and killed["shard"],
        "startedTwice": len(starts) - len(set(starts)),
        "madeOnce": sorted(made) == list(range(shards)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--samples", default=os.path.join(ROOT, "..", "shared", "trajectories"))
    parser.add_argument("--keep", help="folder for inputs and results, used again when it has them")
    parser.add_argument("--shard-bytes", type=int, default=64 << 20)
    parser.add_argument("--no-kill", action="store_true")
    options = parser.parse_args()
    folder = options.keep or tempfile.mkdtemp(prefix="acc-dask-")
    flags = ["--accept-unverified", "--dedup", "none", "--eval-share", "0.1", "--per-instance-cap", "100"]
    single = os.path.join(folder, "single")
    try:
        inputs = os.path.join(folder, "inputs")
        if not os.path.isdir(inputs):
            os.makedirs(inputs)
            write_inputs(inputs, options.samples, options.megabytes)
        files = sorted(os.path.join(inputs, name) for name in os.listdir(inputs))
        total = sum(os.path.getsize(path) for path in files) / 1e6
        timing = os.path.join(folder, "single.json")
        if not os.path.exists(timing):
            subprocess.run(["node", os.path.join(ROOT, "scripts", "acc.mjs"), "help"], stdout=subprocess.DEVNULL)
            started, cpu = time.time(), cpu_seconds()
            command = ["node", os.path.join(ROOT, "scripts", "acc.mjs"), "compile", *files, "--out", single, "--quiet"]
            if subprocess.run([*command, *flags]).returncode not in (0, 1):
                return 2
            with open(timing, "w") as file:
                json.dump([time.time() - started, cpu_seconds() - cpu], file)
        with open(timing, encoding="utf-8") as file:
            base, base_cpu = json.load(file)
        print(f"one process: {total:.0f} MB in {base:.1f} s, {base_cpu:.1f} s of CPU, {total / base:.1f} MB/s")
        failed = False
        for workers in [int(text) for text in options.workers.split(",") if text]:
            run = os.path.join(folder, f"workers-{workers}")
            shutil.rmtree(run, ignore_errors=True)
            os.makedirs(run)
            result = run_cluster(run, files, flags, workers, not options.no_kill, options.shard_bytes)
            equal = same(single, os.path.join(run, "out"))
            failed = failed or not equal or not result["madeOnce"]
            parts = ", ".join(f"{name} {value:.1f} s" for name, value in result["parts"].items())
            print(
                f"{workers} worker{'s' if workers > 1 else ''}: {result['seconds']:.1f} s ({parts}); "
                f"speed-up {base / result['seconds']:.2f}; {result['cpu']:.1f} s of CPU, {result['cpu'] / base_cpu - 1:+.0%}; {result['shards']} shards, "
                f"{'shard %d lost with its worker' % result['killedShard'] if result['killedShard'] is not None else 'no worker killed'}, "
                f"{result['startedTwice']} started twice, each made once: {result['madeOnce']}; identical bytes: {equal}",
                flush=True,
            )
            shutil.rmtree(run)
        return 1 if failed else 0
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
