/** The QManager of a state folder: takes the lock, opens the queue, binds the socket for clients, and supervises QWorkers. */
import { hostname } from "node:os";
import path from "node:path";
import { QrewError } from "../protocol/errors.ts";
import { MANAGER_SOCKET_NAME } from "../protocol/ids.ts";
import { QREW_VERSION } from "../protocol/version.ts";
import { tellFailure, tellReady } from "../src/link/readyLine.ts";
import { Refusals } from "../src/link/refusals.ts";
import { RouterLink } from "../src/link/router.ts";
import { type ActorLog, openLog } from "../src/log.ts";
import { currentHomeInputs, type Home, openHome } from "../src/node/home.ts";
import { checkDescriptorLimit } from "../src/node/limits.ts";
import { type CopyableStore, openLmdbStore } from "../src/store/lmdb.ts";
import type { HolderRecord } from "../src/store/managerRecords.ts";
import { MANAGER_SCHEMA, prepareSchema, refuseNewer } from "../src/store/schema.ts";
import { refuseOffline } from "../src/store/upkeep/offline.ts";
import { type ManagerArguments, parseManagerArguments } from "./arguments.ts";
import { askSeats, refuseLostStore } from "./claims.ts";
import { initialState } from "./initialState.ts";
import { markLeaving, refuseServed, takeLock } from "./lock.ts";
import { Planner } from "./planner.ts";
import { QManager } from "./qmanager.ts";
import { type ActorSettings, readActorSettings } from "./settings.ts";
import { Staging } from "./staging.ts";
import { sweepSeat } from "./sweepSeat.ts";
import { Workers } from "./workers.ts";

/** Answers that wait for a client that does not read: two of the largest there are, or a day of progress. */
const CLIENT_WAITING_BYTES_MAX = 32 * 1024 * 1024;

async function main(args: ManagerArguments): Promise<void> {
  checkDescriptorLimit();
  const inputs = currentHomeInputs();
  const home = openHome({ ...inputs, environment: { ...inputs.environment, QREW_HOME: args.home } });
  refuseOffline(home.folder);
  const settings = readActorSettings(home.folder);
  const folder = path.join(home.folder, "manager");
  await refuseServed(folder);
  const store = openLmdbStore(folder);
  refuseNewer(store, "manager", MANAGER_SCHEMA);
  await refuseLostStore(home.folder, store);
  const holder = await takeLock(store, QREW_VERSION);
  prepareSchema(store, "manager", MANAGER_SCHEMA);
  const log = openLog(home.folder, "manager");
  await askSeats(home.folder, store, (message) => log.logger.warn(message));
  const { manager, router } = assemble(args, settings, home, store, holder, log);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => manager.push({ type: "terminationAsked" }));
  }
  await router.bind();
  manager.push({ type: "woken" });
  log.logger.info({ home: home.folder, epoch: holder.epoch }, "the manager serves");
  tellReady({ pid: process.pid });
}

/** Joins the parts; they know each other through the manager, which is there before any of them calls. */
function assemble(
  args: ManagerArguments,
  settings: ActorSettings,
  home: Pick<Home, "folder" | "runFolder">,
  store: CopyableStore,
  holder: HolderRecord,
  log: ActorLog,
): { readonly manager: QManager; readonly router: RouterLink } {
  const state = initialState(args, settings, store, holder);
  const refusals = new Refusals();
  const router = new RouterLink(
    path.join(home.runFolder, MANAGER_SOCKET_NAME),
    {
      onFrame: (peer, bytes) => manager.onFrame(peer, bytes),
      onPeerGone: (client) => manager.push({ type: "clientGone", client }),
      onFault: (error) => manager.fail(error),
    },
    { waitingBytesMax: CLIENT_WAITING_BYTES_MAX },
  );
  const { instance, graceMs, epoch: managerEpoch } = state.options;
  const workerSettings = {
    home: home.folder,
    runFolder: home.runFolder,
    instance,
    node: hostname(),
    graceMs,
    managerEpoch,
    settings,
  };
  const workers = new Workers(workerSettings, store, refusals, {
    onStarted: (seat, epoch, pid) => manager.push({ type: "workerStarted", seat, epoch, pid }),
    onReconnected: (seat, epoch) => manager.push({ type: "workerReconnected", seat, epoch }),
    onBusy: (seat, epoch) => manager.push({ type: "workerBusy", seat, epoch }),
    onFact: (seat, epoch, fact) => manager.push({ type: "workerTold", seat, epoch, fact }),
    onLost: (seat, epoch, { code, message }) => {
      log.logger.warn({ seat, epoch }, `a QWorker is gone: ${message}`);
      if (code !== "storeDamaged") return manager.push({ type: "workerLost", seat, epoch, damage: null });
      const { home: folder, runFolder } = workerSettings;
      // Before its slots are lent to others.
      void sweepSeat({ home: folder, runFolder, instance, seat }, log.logger).finally(() =>
        manager.push({ type: "workerLost", seat, epoch, damage: message }),
      );
    },
  });
  const manager: QManager = new QManager({
    home: home.folder,
    state,
    store,
    router,
    workers,
    planner: new Planner((answer) => manager.onPlanned(answer)),
    staging: new Staging(home.folder),
    refusals,
    logger: log.logger,
    announceLeaving: () => {
      markLeaving(store, holder);
      // Who comes now finds nobody, starts a successor, and that one waits for this one to be gone.
      router.hide();
    },
    exit: (code) => {
      log.close();
      process.exit(code);
    },
  });
  return { manager, router };
}

main(parseManagerArguments(process.argv.slice(2))).catch((error: unknown) => {
  const failure = QrewError.from(error);
  tellFailure(failure);
  process.stderr.write(`qrew manager: ${failure.message}\n`);
  process.exit(1);
});
