/** The QWorker: takes its seat, binds the seat's socket, and runs the jobs that the manager assigns to it. */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ACTOR_FORM } from "../protocol/actorForm.ts";
import { QrewError } from "../protocol/errors.ts";
import { forkserverSocketName, seatSocketName, seatStoreName } from "../protocol/ids.ts";
import { tellFailure, tellReady } from "../src/link/readyLine.ts";
import { Refusals } from "../src/link/refusals.ts";
import { RouterLink } from "../src/link/router.ts";
import { openLog } from "../src/log.ts";
import { readSeatJobs } from "../src/store/claims.ts";
import { openLmdbStore } from "../src/store/lmdb.ts";
import { prepareSchema, refuseNewer, WORKER_SCHEMA } from "../src/store/schema.ts";
import { endForCertain } from "../src/node/endForCertain.ts";
import { bootId, ownName, processesWithArguments } from "../src/node/process.ts";
import { deleteWorkerJob, readExecutor, takeSeat } from "../src/store/workerStore.ts";
import { parseWorkerArguments, type WorkerArguments } from "./arguments.ts";
import { ENDS_TOGETHER_MIN } from "./core/noops.ts";
import { createWorker } from "./core/step.ts";
import { ExecutorProcess } from "./executorProcess.ts";
import { FrameGate, MANAGER_PEER } from "./frames.ts";
import { ManagerWatch } from "./managerWatch.ts";
import { OpenJobs } from "./openJobs.ts";
import { SeatHolder } from "./seatHolder.ts";

/**
 * For a TaskExecutor without work. It starts in 60 ms, but its code is compiled anew: its first ten thousand tasks cost twice as much.
 * Who submits something every minute finds it warm; after that its memory is somebody else's.
 */
const EXECUTOR_IDLE_MS = 300_000;
const FORKSERVER_LEAVE_MS = 2000;
const FORKSERVER_LOOK_MS = 20;

async function main(args: WorkerArguments): Promise<void> {
  const name = seatStoreName(args.seat);
  const log = openLog(args.home, name);
  const store = openLmdbStore(path.join(args.home, name));
  refuseNewer(store, name, WORKER_SCHEMA);
  const { epoch } = args;
  const before = takeSeat(store, epoch, ownName());
  // Fenced already; and it must not go on to speak for the seat, or to start things.
  if (before !== null) await endForCertain(before);
  prepareSchema(store, name, WORKER_SCHEMA);
  const managerStore = openLmdbStore(path.join(args.home, "manager"), { readOnly: true });
  const refusals = new Refusals();
  const socketPath = path.join(args.runFolder, seatSocketName(args.seat));
  const executor = new ExecutorProcess(executorArguments(args), {
    onStarted: (record) => holder.executorStarted(record),
    onLost: (killed) => holder.executorLost(killed),
  });
  const known = store.read(readExecutor);
  const sameBoot = before !== null && before.bootId === bootId();
  const state = createWorker({
    seat: args.seat,
    node: args.node,
    instance: args.instance,
    pid: process.pid,
    graceMs: args.graceMs,
    leaseMs: args.leaseMs,
    crashLimit: args.crashLimit,
    endsTogetherMin: ENDS_TOGETHER_MIN,
    executorIdleMs: EXECUTOR_IDLE_MS,
    crashes: args.crashes,
    rebooted: before !== null && before.bootId !== "" && before.bootId !== bootId(),
    executorExpected: known !== null && executor.adopt(known),
  });
  const router = new RouterLink(
    socketPath,
    {
      onFrame: (peer, bytes) => holder.onFrame(peer, bytes),
      onPeerGone: (peer) => log.logger.warn({ peer }, "what was sent to a peer could not be delivered"),
      onFault: (error) => holder.fail(error),
    },
    { form: ACTOR_FORM },
  );
  const holder: SeatHolder = new SeatHolder({
    state,
    epoch,
    store,
    managerStore,
    jobs: new OpenJobs(managerStore, store, epoch),
    router,
    gate: new FrameGate(epoch, refusals),
    refusals,
    executor,
    endForkserver: () =>
      endForkserver(path.join(args.runFolder, forkserverSocketName(args.instance, args.seat))),
    logger: log.logger,
    exit: (code) => {
      log.close();
      process.exit(code);
    },
  });
  // What an earlier holder left unfinished is known before a TaskExecutor tells what it has.
  const { unfinished, stale } = readSeatJobs(managerStore, store, args.seat, !sameBoot);
  for (const job of stale) await deleteWorkerJob(store, epoch, job);
  for (const job of unfinished) holder.push({ type: "jobAssigned", ...job, demand: null, isPooled: false });
  await router.bind();
  log.logger.info({ seat: args.seat, epoch, peer: MANAGER_PEER }, "the QWorker serves");
  new ManagerWatch(managerStore, state, () => process.exit(0)).start();
  tellReady({ pid: process.pid });
}

/** Its TaskExecutor has died while nothing ran: it would go by itself, but not before the daemon. */
async function endForkserver(socketPath: string): Promise<void> {
  const deadlineMs = performance.now() + FORKSERVER_LEAVE_MS;
  const find = (): readonly number[] => processesWithArguments(["--socket", socketPath]);
  for (const pid of find()) {
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      // It has just gone.
    }
  }
  while (find().length > 0 && performance.now() < deadlineMs) await delay(FORKSERVER_LOOK_MS);
}

function executorArguments(args: WorkerArguments): readonly string[] {
  const { home, runFolder, seat, instance, orphanMs } = args;
  return [
    "--home",
    home,
    "--run",
    runFolder,
    "--seat",
    String(seat),
    "--instance",
    instance,
    "--orphan",
    String(orphanMs),
  ];
}

// The manager decides when a QWorker goes; a signal meant for a terminal's processes is not for it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

main(parseWorkerArguments(process.argv.slice(2))).catch((error: unknown) => {
  const failure = QrewError.from(error);
  tellFailure(failure);
  process.stderr.write(`qrew worker: ${failure.message}\n`);
  process.exit(1);
});
