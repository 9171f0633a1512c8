"""dask_cluster.py COUNT PARALLEL FOLDER COMMAND...: a Dask cluster of so many workers of one thread, and as many tasks."""

import json
import subprocess
import sys
import time

from distributed import Client, LocalCluster


def run(command, _):
    return subprocess.run(command, check=True, stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    count, parallel, folder, *command = sys.argv[1:]
    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": folder}
    with LocalCluster(n_workers=int(parallel), **options) as cluster, Client(cluster) as client:
        started = time.monotonic()
        futures = client.map(run, [command] * int(count), range(int(count)), pure=False)
        # Throws if a task fails.
        client.gather(futures)
        seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds}))
