import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SOCKET_PATH_BYTES_MAX } from "../../../protocol/limits.ts";
import {
  currentHomeInputs,
  type HomeInputs,
  locateHome,
  openHome,
  SOCKET_NAME_BYTES_MAX,
} from "../../../src/node/home.ts";
import { failureOf } from "../../support/failure.ts";

const UID = os.userInfo().uid;

let base = "";
const outside: string[] = [];
beforeEach(() => {
  base = realpathSync(mkdtempSync(path.join(os.tmpdir(), "qrew-h-")));
});
afterEach(() => {
  for (const folder of [base, ...outside.splice(0)]) rmSync(folder, { recursive: true, force: true });
});

interface Machine {
  readonly environment?: Readonly<Record<string, string>>;
  readonly homeDirectory?: string;
  readonly uid?: number;
  /** Folders that are on a network file system, with its type. */
  readonly network?: Readonly<Record<string, string>>;
}

const inputs = (machine: Machine = {}): HomeInputs => ({
  environment: machine.environment ?? {},
  homeDirectory: machine.homeDirectory ?? base,
  uid: machine.uid ?? UID,
  placeOf: (target) => {
    const found = Object.entries(machine.network ?? {}).find(([folder]) => target.startsWith(folder));
    return { resolvedPath: target, type: found === undefined ? "ext4" : found[1] };
  },
});

const modeOf = (folder: string): number => statSync(folder).mode & 0o777;

describe("the state folder is located", () => {
  it.each<[string, Machine, string, string]>([
    ["QREW_HOME", { environment: { QREW_HOME: "/x/y/../z" } }, "/x/z", "environment"],
    ["~/.qrew", { homeDirectory: "/h" }, "/h/.qrew", "default"],
    [
      "~/.qrew for an empty QREW_HOME",
      { homeDirectory: "/h", environment: { QREW_HOME: "" } },
      "/h/.qrew",
      "default",
    ],
  ])("at %s", (_, machine, folder, source) => {
    expect(locateHome(inputs(machine))).toEqual({ folder, source, notice: null });
  });

  it("not in a file system of the kernel, where making a folder may hang", () => {
    expect(() => locateHome({ ...currentHomeInputs(), environment: { QREW_HOME: "/proc/x" } })).toThrow(
      expect.objectContaining({ code: "refused" }),
    );
  });

  it("at a local place with a notice, where the home is on a network file system", () => {
    const location = locateHome(inputs({ homeDirectory: "/h", network: { "/h": "nfs4" } }));
    expect(location).toMatchObject({ folder: `/var/tmp/qrew-${UID}`, source: "fallback" });
    expect(location.notice).toMatch(/\/h\/\.qrew.*nfs4.*QREW_HOME/);
  });

  it("nowhere, where all is on a network file system or the user asked for one", () => {
    const asked = failureOf(() =>
      locateHome(inputs({ environment: { QREW_HOME: "/h/q" }, network: { "/h": "lustre" } })),
    );
    expect(asked.code).toBe("refused");
    expect(asked.message).toMatch(/\/h\/q.*lustre.*local disk/);
    const all = failureOf(() => locateHome(inputs({ network: { "/": "nfs" } })));
    expect(all.code).toBe("refused");
    expect(all.message).toMatch(/both.*QREW_HOME/);
  });
});

describe("the state folder is opened", () => {
  const openAt = (folder: string, over: Machine = {}) =>
    openHome(inputs({ ...over, environment: { QREW_HOME: folder, ...over.environment } }));

  it("private, with its run folder, made where missing, and again", () => {
    const folder = path.join(base, "a", "q");
    const home = openAt(folder);
    expect(home).toEqual({ folder, runFolder: path.join(folder, "run"), notice: null });
    expect(modeOf(folder)).toBe(0o700);
    expect(modeOf(home.runFolder)).toBe(0o700);
    expect(openAt(folder)).toEqual(home);
  });

  it("through the user's own link, under its real path", () => {
    mkdirSync(path.join(base, "real"), { mode: 0o700 });
    symlinkSync("real", path.join(base, "link"));
    expect(openAt(path.join(base, "link")).folder).toBe(path.join(base, "real"));
  });

  it("closing a run folder that was open", () => {
    mkdirSync(path.join(base, "q", "run"), { recursive: true });
    chmodSync(path.join(base, "q", "run"), 0o755);
    expect(modeOf(openAt(path.join(base, "q")).runFolder)).toBe(0o700);
  });

  it.each([0o770, 0o707, 0o777, 0o1777])("not where others may write (%o)", (mode) => {
    const folder = path.join(base, "q");
    mkdirSync(folder);
    chmodSync(folder, mode);
    const failure = failureOf(() => openAt(folder));
    expect(failure.code).toBe("refused");
    expect(failure.message).toMatch(/chmod 700/);
  });

  it("not where it belongs to somebody else, is a file, or cannot be made", () => {
    mkdirSync(path.join(base, "q"), { mode: 0o700 });
    const foreign = failureOf(() => openAt(path.join(base, "q"), { uid: UID + 1 }));
    expect([foreign.code, foreign.message]).toEqual(["refused", expect.stringMatching(/another user/)]);
    writeFileSync(path.join(base, "file"), "");
    expect(failureOf(() => openAt(path.join(base, "file"))).code).toBe("refused");
    expect(failureOf(() => openAt(path.join(base, "file", "q"))).message).toMatch(/cannot be made/);
  });
});

describe("the run folder of a state folder with a long path", () => {
  const room = SOCKET_PATH_BYTES_MAX - SOCKET_NAME_BYTES_MAX - "/run/".length;
  /** A path below `base` of so many bytes. */
  const pathOf = (bytes: number): string => {
    const rest = bytes - base.length - 1;
    return path.join(base, "é".repeat(Math.floor(rest / 2)) + "x".repeat(rest % 2));
  };
  const open = (bytes: number, environment: Readonly<Record<string, string>> = {}) =>
    openHome(inputs({ environment: { QREW_HOME: pathOf(bytes), ...environment } }));

  it("is inside as long as sockets fit, counted in bytes", () => {
    const home = open(room);
    expect(home.runFolder).toBe(path.join(home.folder, "run"));
    expect(Buffer.byteLength(path.join(home.runFolder, "s".repeat(SOCKET_NAME_BYTES_MAX)))).toBe(
      SOCKET_PATH_BYTES_MAX,
    );
  });

  it("is the same private folder elsewhere for everyone who uses it, whatever the environment", () => {
    const home = open(room + 1);
    outside.push(home.runFolder);
    expect(home.runFolder).toMatch(new RegExp(`^/tmp/qrew-${UID}-[0-9a-f]{16}$`));
    expect(modeOf(home.runFolder)).toBe(0o700);
    expect(existsSync(path.join(home.folder, "run"))).toBe(false);
    expect(open(room + 1, { XDG_RUNTIME_DIR: base }).runFolder).toBe(home.runFolder);
    const other = open(room + 2);
    outside.push(other.runFolder);
    expect(other.runFolder).not.toBe(home.runFolder);
  });

  it("is in $XDG_RUNTIME_DIR where somebody else holds the name, and refused where that fails too", () => {
    const { runFolder } = open(room + 1);
    outside.push(runFolder);
    for (const squat of [
      () => chmodSync(runFolder, 0o755),
      () => {
        rmSync(runFolder, { recursive: true });
        symlinkSync(base, runFolder);
      },
      () => {
        rmSync(runFolder);
        writeFileSync(runFolder, "");
      },
    ]) {
      squat();
      const runtime = path.join(base, "xdg");
      mkdirSync(runtime, { recursive: true });
      expect(open(room + 1, { XDG_RUNTIME_DIR: runtime }).runFolder.startsWith(`${runtime}/qrew-`)).toBe(
        true,
      );
      const failure = failureOf(() => open(room + 1));
      expect(failure.code).toBe("refused");
      expect(failure.message).toContain(`at most ${room} bytes`);
      expect(failure.details).toHaveLength(1);
    }
  });
});
