/**
 * Verifies a state folder, while a daemon writes there or not: the pages of each store, each record by its decoder, and whether the
 * records fit each other. Changes nothing.
 */
import path from "node:path";
import { openLmdbStore } from "../lmdb.ts";
import { dataFileOf } from "../lmdbMeta.ts";
import { type PageSurvey, surveyPages } from "../pageSurvey.ts";
import type { StoreReader } from "../port.ts";
import { checkSchema, MANAGER_SCHEMA, WORKER_SCHEMA } from "../schema.ts";
import { Findings } from "./findings.ts";
import { seatOfStore, storeNames } from "./names.ts";
import { type ManagerContents, verifyManager } from "./verifyManager.ts";
import { verifyWorker } from "./verifyWorker.ts";

export interface StoreReport {
  /** Folder in the state folder. */
  readonly name: string;
  readonly jobs: number;
  readonly records: number;
  readonly bytes: number;
  /** Of pages that hold something; the others are free. */
  readonly usedBytes: number;
  /** Sentences, at most 100. */
  readonly faults: readonly string[];
  readonly faultsTotal: number;
  /** Plans of submissions that never became a job. */
  readonly strayPlans: number;
}

/** The manager's store first. */
export async function verifyStores(folder: string): Promise<readonly StoreReport[]> {
  const reports: StoreReport[] = [];
  let manager: ManagerContents | null = null;
  for (const name of storeNames(folder)) {
    const findings = new Findings();
    const contents = await verifyStore(path.join(folder, name), manager, findings);
    manager ??= contents?.manager ?? null;
    reports.push({
      name,
      jobs: contents?.jobs ?? 0,
      records: contents?.survey.entries ?? 0,
      bytes: contents?.survey.bytes ?? 0,
      usedBytes: contents?.survey.usedBytes ?? 0,
      faults: findings.listed,
      faultsTotal: findings.total,
      strayPlans: contents?.manager?.strayPlans ?? 0,
    });
  }
  return reports;
}

interface Contents {
  readonly survey: PageSurvey;
  readonly jobs: number;
  /** Null for the store of a seat. */
  readonly manager: ManagerContents | null;
}

/** Null where not even the pages can be read. */
async function verifyStore(
  folder: string,
  manager: ManagerContents | null,
  findings: Findings,
): Promise<Contents | null> {
  const store = findings.reading(() => openLmdbStore(folder, { readOnly: true }));
  if (store === null) return null;
  const name = path.basename(folder);
  const seat = seatOfStore(name);
  const verify = (reader: StoreReader): Contents => {
    // The snapshot that this is in keeps the pages from being used again.
    const survey = surveyPages(dataFileOf(folder));
    checkSchema(reader, name, seat === null ? MANAGER_SCHEMA : WORKER_SCHEMA);
    if (seat !== null) return { survey, jobs: verifyWorker(reader, seat, manager, findings), manager: null };
    const contents = verifyManager(reader, findings);
    return { survey, jobs: contents.jobs.size, manager: contents };
  };
  try {
    return findings.reading(() => store.read(verify));
  } finally {
    await store.close();
  }
}
