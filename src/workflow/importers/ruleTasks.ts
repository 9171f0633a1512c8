/**
 * From rules to tasks. A rule waits for the rules that make its inputs; an input that no rule makes has to be there. A nested
 * workflow becomes tasks of the same job, and one more that does nothing and ends it, for those that wait for its outputs.
 */
import path from "node:path";
import { FaultList, locatePositionsOnly, type Place } from "../fault.ts";
import { escapePlaceholders } from "../placeholder.ts";
import type { ImportContext, ImportedTask, JobFiles } from "./importing.ts";
import { OUTPUTS_MAX } from "../taskFiles.ts";
import type { Rule, RuleAction, RuleFile, RuleResources } from "./rule.ts";
import { needsSandbox, sandboxCommand } from "./sandboxCommand.ts";
import { TaskNames } from "./taskNames.ts";

export interface LinkedTask {
  readonly task: ImportedTask;
  /** Where its rule stands in the file that was read. */
  readonly place: Place;
}

/** Reads a nested workflow; null after faults. Its place is of no use in the outer file, so faults are told as text. */
export type ReadNested = (
  bytes: Uint8Array,
  nestedPath: string,
  context: ImportContext,
  faults: FaultList,
) => readonly Rule[] | null;

interface Level {
  readonly context: ImportContext;
  /** Relative to the job's folder; empty for that folder itself. */
  readonly workdir: string;
  /** Before the names of its tasks. */
  readonly prefix: string;
  /** In the variables of the rules that lead here. */
  readonly env: Readonly<Record<string, string>>;
  /** What all its tasks wait for. */
  readonly after: readonly string[];
  /** Of nested workflows: where the outermost rule stands. */
  readonly place: Place | null;
  /** Files that are being read. */
  readonly open: readonly string[];
}

/** Deeper nesting is a loop through files that name each other in changing ways. */
const NESTING_MAX = 16;

export function linkRules(
  rules: readonly Rule[],
  context: ImportContext,
  readNested: ReadNested,
  faults: FaultList,
): readonly LinkedTask[] {
  const linking = new Linking(readNested, faults);
  const level = { context, workdir: "", prefix: "", env: {}, after: [], place: null, open: [] };
  linking.link(rules, level);
  return linking.tasks;
}

class Linking {
  readonly tasks: LinkedTask[] = [];
  readonly #names = new TaskNames();
  /** Files that a command has to make, relative to the job's folder. */
  readonly #promised = new Set<string>();
  readonly #readNested: ReadNested;
  readonly #faults: FaultList;

  constructor(readNested: ReadNested, faults: FaultList) {
    this.#readNested = readNested;
    this.#faults = faults;
  }

  /** The names of the tasks of the rules, in their order. */
  link(rules: readonly Rule[], level: Level): readonly string[] {
    const names = rules.map((rule, index) => this.#names.take(level.prefix + wantedName(rule, index)));
    const makers = this.#makers(rules, level);
    for (const [index, rule] of rules.entries()) {
      const name = names[index] ?? "";
      const made = new Set<number>();
      for (const input of rule.inputs) {
        const maker = makers.get(input.name);
        if (maker !== undefined) made.add(maker);
        else this.#checkThere(input.name, input.place, level);
      }
      const depends = [...level.after, ...[...made].map((maker) => names[maker] ?? "")];
      if (rule.action.type === "command") this.#addTask(rule, rule.action.command, name, depends, level);
      else this.#addNested(rule, rule.action, name, depends, level);
    }
    return names;
  }

  #makers(rules: readonly Rule[], level: Level): ReadonlyMap<string, number> {
    const makers = new Map<string, number>();
    for (const [index, rule] of rules.entries()) {
      for (const output of rule.outputs) {
        const other = makers.get(output.name);
        if (other === undefined) makers.set(output.name, index);
        else if (other !== index) {
          const maker = makerAt(rules[other]?.place ?? output.place);
          const message = `${shown(output.name)} is made by ${maker} already: let one rule make it.`;
          this.#faults.add(level.place ?? output.place, message);
        }
      }
    }
    return makers;
  }

  #checkThere(name: string, place: Place, level: Level): void {
    if (level.context.files === null || level.context.files.exists(name)) return;
    const message = `${shown(name)} is not there, and no rule makes it: correct its name, or add a rule for it.`;
    this.#faults.add(level.place ?? place, message);
  }

  #addTask(rule: Rule, command: string, name: string, depends: readonly string[], level: Level): void {
    const script = needsSandbox(rule) ? sandboxCommand(rule, command) : command;
    const env = { ...level.env, ...rule.env };
    const params = {
      ...(Object.keys(env).length === 0 ? {} : { env: escaped(env) }),
      ...(level.workdir === "" ? {} : { workdir: escapePlaceholders(level.workdir) }),
    };
    const resources = resourcesOf(rule.resources);
    const { wallTimeSeconds } = rule.resources;
    const outputs = outputsOf(rule.outputs);
    const task: ImportedTask = {
      name,
      ...(depends.length === 0 ? {} : { depends }),
      command: escapePlaceholders(script),
      ...(Object.keys(params).length === 0 ? {} : { params }),
      ...(outputs.length === 0 ? {} : { outputs }),
      ...(Object.keys(resources).length === 0 ? {} : { resources }),
      ...(wallTimeSeconds === null || wallTimeSeconds === 0 ? {} : { timeout: `${wallTimeSeconds}s` }),
    };
    this.tasks.push({ task, place: level.place ?? rule.place });
    for (const file of rule.outputs) this.#promised.add(inJob(file, level));
  }

  #addNested(
    rule: Rule,
    action: RuleAction & { readonly type: "workflow" },
    name: string,
    after: readonly string[],
    level: Level,
  ): void {
    const place = level.place ?? rule.place;
    const ends = this.#nestedEnds(rule, action, name, after, level) ?? [];
    const depends = ends.length === 0 ? after : ends;
    // What its tasks promise is looked for when they end: usually that is all of it, and nothing has to run.
    const outputs = outputsOf(rule.outputs.filter((file) => !this.#promised.has(inJob(file, level))));
    const params = level.workdir === "" ? {} : { params: { workdir: escapePlaceholders(level.workdir) } };
    const check: Partial<ImportedTask> =
      outputs.length === 0 ? { executor: "noop" } : { command: ["true"], outputs, ...params };
    this.tasks.push({ task: { name, depends, ...check, resources: { cpus: 0 } }, place });
  }

  /** The names of the tasks of a nested workflow; null after faults. */
  #nestedEnds(
    rule: Rule,
    action: RuleAction & { readonly type: "workflow" },
    name: string,
    after: readonly string[],
    level: Level,
  ): readonly string[] | null {
    const place = level.place ?? rule.place;
    const workdir = path.posix.join(level.workdir, action.workdir);
    const files = level.context.files === null ? null : filesBelow(level.context.files, action.workdir);
    const nestedPath = path.posix.resolve("/", workdir, action.path);
    const isOpen = level.open.includes(nestedPath);
    const bytes = files?.read(action.path) ?? null;
    if (files === null || bytes === null || isOpen || level.open.length >= NESTING_MAX) {
      this.#faults.add(place, nestedRefusal(action.path, bytes, isOpen));
      return null;
    }
    const env = { ...level.env, ...rule.env };
    const environment = { ...level.context.environment, ...rule.env };
    // A nested file sees what it is given, and nothing else of the one around it.
    const jx = action.args === null ? [] : [{ source: `args of ${action.path}`, text: action.args }];
    const context = { ...level.context, files, environment, jx };
    const inner = new FaultList();
    const rules = this.#readNested(bytes, action.path, context, inner);
    for (const fault of inner.located(locatePositionsOnly)) {
      const at = fault.line === null ? "" : `:${fault.line}:${fault.column ?? 1}`;
      this.#faults.add(place, `In ${action.path}${at}: ${fault.message}`);
    }
    const open = [...level.open, nestedPath];
    return rules === null
      ? null
      : this.link(rules, { context, workdir, prefix: `${name}/`, env, after, place, open });
  }
}

function nestedRefusal(file: string, bytes: Uint8Array | null, isOpen: boolean): string {
  if (isOpen) return `The nested workflow ${shown(file)} contains itself: take it out.`;
  if (bytes !== null) return `More than ${NESTING_MAX} workflows are nested here: flatten them.`;
  return `The nested workflow ${shown(file)} cannot be read: it has to be there when the job is submitted, so no rule can make it.`;
}

/** The files that have to be there, as names and not as patterns. A rule with more of them than are looked for is trusted with the rest. */
function outputsOf(files: readonly RuleFile[]): readonly string[] {
  return files
    .slice(0, OUTPUTS_MAX)
    .map(({ name }) => escapePlaceholders(name.replace(/[*?[]/g, (character) => `[${character}]`)));
}

const inJob = (file: RuleFile, level: Level): string => path.posix.join(level.workdir, file.name);

function filesBelow(files: JobFiles, workdir: string): JobFiles {
  const below = (name: string): string => (name.startsWith("/") ? name : path.posix.join(workdir, name));
  return {
    exists: (name) => files.exists(below(name)),
    list: (name) => files.list(below(name)),
    read: (name) => files.read(below(name)),
  };
}

function resourcesOf({ cores, memoryMegabytes, gpus }: RuleResources): Record<string, number | string> {
  return {
    ...(cores === null || cores === 0 ? {} : { cpus: cores }),
    ...(memoryMegabytes === null ? {} : { memory: `${memoryMegabytes}M` }),
    ...(gpus === null ? {} : { gpus }),
  };
}

function wantedName(rule: Rule, index: number): string {
  const [first] = rule.outputs;
  if (first !== undefined) return first.name;
  return rule.place.type === "position" ? `line ${rule.place.position.line}` : `rule ${index + 1}`;
}

const escaped = (env: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, escapePlaceholders(value)]));

const makerAt = (place: Place): string =>
  place.type === "position" ? `the rule on line ${place.position.line}` : "another rule";
const shown = (name: string): string => JSON.stringify(name);
