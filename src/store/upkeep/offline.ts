/**
 * Work on a state folder that nobody else may use meanwhile: a folder in it that holds off a manager that starts, and a look at
 * /proc for whoever is there already. The folder is also where the new stores are made, so that they take their place by a rename.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { QrewError } from "../../../protocol/errors.ts";
import { isLiving, ownName } from "../../node/process.ts";
import { processesOfHome } from "../../node/processesOfHome.ts";
import { processFields } from "../processFields.ts";
import { syncFile } from "./copyStore.ts";

const FOLDER = "offline";
/** What the work makes; its own subfolder, so that what names the owner is never among it. */
const MADE = "made";
const OWNER_FILE = "owner.json";

export type OfflineWork = "restore" | "compact";

const ownerSchema = v.strictObject({
  ...processFields,
  work: v.picklist(["restore", "compact"]),
  /** What is in the state folder is neither the old nor the new state. */
  isHalfway: v.boolean(),
});

export interface OfflineOptions {
  readonly work: OfflineWork;
  /** Of all state that is involved: no process of theirs may live. */
  readonly instances: readonly string[];
}

/**
 * Runs `body` with an empty folder in the state folder, while no daemon uses that and none starts. Throws `refused` when one lives.
 * The folder is removed afterwards. When `body` fails between calling `markHalfway` and its end the folder stays, and holds off managers.
 */
export async function whileOffline<Result>(
  home: string,
  options: OfflineOptions,
  body: (folder: string, markHalfway: () => void) => Promise<Result>,
): Promise<Result> {
  const folder = path.join(home, FOLDER);
  const before = ownerOf(folder);
  if (before !== null && isLiving(before))
    throw new QrewError(
      "refused",
      `A \`qrew store ${before.work}\` is at work here (pid ${before.pid}): wait for its end.`,
    );
  const { work } = options;
  let isHalfway = before?.isHalfway ?? false;
  if (isHalfway && work !== "restore") throw interrupted(home);
  const tell = (): void => {
    writeFileSync(path.join(folder, OWNER_FILE), JSON.stringify({ ...ownName(), work, isHalfway }));
    syncFile(path.join(folder, OWNER_FILE));
  };
  rmSync(path.join(folder, MADE), { recursive: true, force: true });
  mkdirSync(path.join(folder, MADE), { recursive: true, mode: 0o700 });
  tell();
  try {
    refuseLiving(home, options);
    const result = await body(path.join(folder, MADE), () => {
      isHalfway = true;
      tell();
    });
    isHalfway = false;
    return result;
  } finally {
    if (!isHalfway) rmSync(folder, { recursive: true, force: true });
  }
}

const interrupted = (home: string): QrewError =>
  new QrewError(
    "refused",
    `A \`qrew store restore\` into ${home} was interrupted: repeat it, with --replace, before anything else is done there.`,
  );

/** For a manager, before it opens anything. Throws `refused` while the folder is worked on. */
export function refuseOffline(home: string): void {
  const folder = path.join(home, FOLDER);
  const owner = ownerOf(folder);
  if (owner === null) return;
  if (isLiving(owner))
    throw new QrewError(
      "refused",
      `A \`qrew store ${owner.work}\` is at work here (pid ${owner.pid}): wait for its end.`,
    );
  if (owner.isHalfway) throw interrupted(home);
  rmSync(folder, { recursive: true, force: true });
}

function ownerOf(folder: string): v.InferOutput<typeof ownerSchema> | null {
  const file = path.join(folder, OWNER_FILE);
  if (!existsSync(file)) return null;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), ownerSchema), readFileSync(file, "utf8"));
  return parsed.success ? parsed.output : null;
}

function refuseLiving(home: string, { work, instances }: OfflineOptions): void {
  const pids = processesOfHome(home, instances);
  if (pids.length === 0) return;
  const named = pids.length === 1 ? `process ${pids[0]}` : `processes ${pids.slice(0, 8).join(", ")}`;
  throw new QrewError(
    "refused",
    `Processes of this state still live (${named}): stop them with \`qrew daemon stop --now\` before \`qrew store ${work}\`.`,
  );
}
