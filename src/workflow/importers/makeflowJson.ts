/**
 * The rules of a Makeflow in JSON: `rules` with `command` or `workflow`, `inputs`, `outputs`, `environment`, `resources` and
 * `category`; `environment`, `categories` and `default_category` for all. Commands are for the shell as they are. What JX
 * computes comes here as well.
 */
import { atKey, atValue, type FaultList, type Path } from "../fault.ts";
import { describe, type Entries, isEntries, textOf } from "../scalar.ts";
import { normalised } from "./makeflow/evaluate.ts";
import type { Rule, RuleAction, RuleFile, RuleResources } from "./rule.ts";

/** Other unknown keys are passed over, as Makeflow does: people keep remarks in them. */
const RESOURCE_KEYS = new Set(["cores", "memory", "disk", "gpus", "wall-time", "mpi-processes"]);
/** Keys that hold remarks. */
const isRemark = (key: string): boolean => key === "#" || key === "comment";

/** Whether the document can only be meant as one. */
export const isMakeflowJson = (value: unknown): boolean =>
  isEntries(value) && Array.isArray(value["rules"]) && value["tasks"] === undefined;

export function readMakeflowJson(value: unknown, faults: FaultList): readonly Rule[] {
  return new JsonRules(faults).read(value);
}

interface Category {
  readonly env: Readonly<Record<string, string>>;
  readonly resources: JsonResources;
}

/** What the environment tells a command, and qrew has no counterpart for, is here as well. */
interface JsonResources extends RuleResources {
  readonly diskMegabytes: number | null;
  readonly mpiProcesses: number | null;
}

const noResources: JsonResources = {
  cores: null,
  memoryMegabytes: null,
  diskMegabytes: null,
  gpus: null,
  wallTimeSeconds: null,
  mpiProcesses: null,
};

const overResources = (own: JsonResources, shared: JsonResources): JsonResources => ({
  cores: own.cores ?? shared.cores,
  memoryMegabytes: own.memoryMegabytes ?? shared.memoryMegabytes,
  diskMegabytes: own.diskMegabytes ?? shared.diskMegabytes,
  gpus: own.gpus ?? shared.gpus,
  wallTimeSeconds: own.wallTimeSeconds ?? shared.wallTimeSeconds,
  mpiProcesses: own.mpiProcesses ?? shared.mpiProcesses,
});

class JsonRules {
  readonly #faults: FaultList;

  constructor(faults: FaultList) {
    this.#faults = faults;
  }

  read(value: unknown): readonly Rule[] {
    if (!isEntries(value) || !Array.isArray(value["rules"])) {
      this.#faults.add(atValue([]), 'A Makeflow in JSON is an object with a list of "rules".');
      return [];
    }
    const env = this.#texts(value["environment"], ["environment"]);
    const categories = new Map<string, Category>();
    for (const [name, category] of this.#entries(value["categories"], ["categories"])) {
      const path = ["categories", name];
      if (!isEntries(category)) this.#wrong(path, "A category must be an object", category);
      else {
        const own = this.#texts(category["environment"], [...path, "environment"]);
        const resources = this.#resources(category["resources"], [...path, "resources"]);
        categories.set(name, { env: own, resources });
      }
    }
    const fallback = textOf(value["default_category"]) ?? "default";
    const list: readonly unknown[] = value["rules"];
    return list.flatMap((item, index) => this.#rule(item, ["rules", index], env, categories, fallback));
  }

  #rule(
    value: unknown,
    path: Path,
    env: Readonly<Record<string, string>>,
    categories: ReadonlyMap<string, Category>,
    fallback: string,
  ): readonly Rule[] {
    if (!isEntries(value)) {
      this.#wrong(path, "A rule must be an object", value);
      return [];
    }
    const category = categories.get(textOf(value["category"]) ?? fallback);
    const own = this.#resources(value["resources"], [...path, "resources"]);
    const resources = overResources(own, category?.resources ?? noResources);
    const rule: Rule = {
      place: atValue(path),
      outputs: this.#files(value["outputs"], [...path, "outputs"]),
      inputs: this.#files(value["inputs"], [...path, "inputs"]),
      action: this.#action(value, path),
      env: {
        ...resourceVariables(resources),
        // Makeflow prefers the environment of the workflow to that of the category.
        ...category?.env,
        ...env,
        ...this.#texts(value["environment"], [...path, "environment"]),
      },
      resources,
    };
    return [rule];
  }

  #action(value: Entries, path: Path): RuleAction {
    const { command, workflow } = value;
    if (typeof command === "string") return { type: "command", command };
    if (command !== undefined) this.#wrong([...path, "command"], "command must be text", command);
    else if (typeof workflow === "string") {
      const { args } = value;
      if (args !== undefined && !isEntries(args))
        this.#wrong([...path, "args"], "args must be an object", args);
      return {
        type: "workflow",
        path: workflow,
        workdir: ".",
        args: isEntries(args) ? JSON.stringify(args) : null,
      };
    } else this.#faults.add(atValue(path), "This rule has neither command nor workflow: say what to run.");
    return { type: "command", command: "true" };
  }

  #files(value: unknown, path: Path): readonly RuleFile[] {
    if (value === undefined || value === null) return [];
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    return items.flatMap((item, index) => {
      const place = atValue(Array.isArray(value) ? [...path, index] : path);
      const [name, taskName] = isEntries(item)
        ? [outerName(item), item["task_name"] ?? outerName(item)]
        : [item, item];
      if (typeof name === "string" && typeof taskName === "string" && name !== "" && taskName !== "") {
        return [{ name: normalised(name), taskName: normalised(taskName), place }];
      }
      this.#faults.add(
        place,
        `A file must be a name, or an object with dag_name and task_name, found ${describe(item)}.`,
      );
      return [];
    });
  }

  #resources(value: unknown, path: Path): JsonResources {
    if (value === undefined || value === null) return noResources;
    if (!isEntries(value)) {
      this.#wrong(path, "resources must be an object", value);
      return noResources;
    }
    this.#checkResourceKeys(value, path);
    const amount = (key: string): number | null => {
      const given = value[key];
      if (given === undefined || given === null) return null;
      const number = Number(textOf(given) ?? Number.NaN);
      if (number >= 0) return number;
      this.#wrong([...path, key], `${key} must be a number of 0 or more`, given);
      return null;
    };
    return {
      cores: amount("cores"),
      memoryMegabytes: amount("memory"),
      diskMegabytes: amount("disk"),
      gpus: amount("gpus"),
      wallTimeSeconds: amount("wall-time"),
      mpiProcesses: amount("mpi-processes"),
    };
  }

  #texts(value: unknown, path: Path): Readonly<Record<string, string>> {
    const texts = this.#entries(value, path).flatMap(([name, item]): [string, string][] => {
      const text = textOf(item);
      if (text !== null) return [[name, text]];
      this.#wrong([...path, name], `The variable ${JSON.stringify(name)} must be text`, item);
      return [];
    });
    return Object.fromEntries(texts);
  }

  #entries(value: unknown, path: Path): readonly (readonly [string, unknown])[] {
    if (value === undefined || value === null) return [];
    if (isEntries(value)) return Object.entries(value).filter(([key]) => !isRemark(key));
    this.#wrong(path, `${String(path.at(-1))} must be an object`, value);
    return [];
  }

  #checkResourceKeys(value: Entries, path: Path): void {
    for (const key of Object.keys(value)) {
      if (RESOURCE_KEYS.has(key) || isRemark(key)) continue;
      this.#faults.add(
        () => atKey([...path, key]),
        () => `Unknown key ${JSON.stringify(key)} in resources. It has ${[...RESOURCE_KEYS].join(", ")}.`,
      );
    }
  }

  #wrong(path: Path, sentence: string, found: unknown): void {
    this.#faults.add(atValue(path), `${sentence}, found ${describe(found)}.`);
  }
}

/** Makeflow called it `path` and `name` before, and its examples still do. */
const outerName = (file: Entries): unknown => file["dag_name"] ?? file["path"] ?? file["name"];

/** As Makeflow gives them to commands. */
function resourceVariables(resources: JsonResources): Record<string, string> {
  const variables = {
    CORES: resources.cores,
    MEMORY: resources.memoryMegabytes,
    DISK: resources.diskMegabytes,
    GPUS: resources.gpus,
    WALL_TIME: resources.wallTimeSeconds,
    MPI_PROCESSES: resources.mpiProcesses,
  };
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, amount]) => (amount === null ? [] : [[name, String(amount)]])),
  );
}
