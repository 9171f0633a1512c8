"""hyperqueue_cluster.py COUNT PARALLEL FOLDER COMMAND...: a HyperQueue server with one worker, and a job of so many tasks."""

import json
import sys
import time

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

count, parallel, folder, *command = sys.argv[1:]

with LocalCluster(server_dir=folder, worker_config=WorkerConfig(cores=int(parallel))) as cluster:
    client = cluster.client()
    started = time.monotonic()
    job = Job(default_workdir=folder)
    for _ in range(int(count)):
        job.program(command)
    # Throws if a task fails.
    client.wait_for_jobs([client.submit(job)])
    seconds = time.monotonic() - started
print(json.dumps({"seconds": seconds}))
