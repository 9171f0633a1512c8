/** From statements to rules: variables are filled in the order of the file, as Makeflow does it. */
import path from "node:path";
import type { FaultList } from "../../fault.ts";
import type { Rule, RuleAction, RuleFile, RuleResources } from "../rule.ts";
import { type Expansion, expandCommand, expandValue, expandWords } from "./expand.ts";
import { Scopes, unquoted } from "./scopes.ts";
import type { SourceText } from "./sourceText.ts";
import type { Assignment, Raw, RuleStatement, Statement } from "./statements.ts";

/** Variables that Makeflow gives to commands wherever the file sets them. */
const ALWAYS_EXPORTED = ["CATEGORY", "CORES", "MEMORY", "DISK", "GPUS", "WALL_TIME", "MPI_PROCESSES"];

/** What `.MAKEFLOW` may set; the value is a number but for the first two. */
const DIRECTIVES: ReadonlySet<string> = new Set([...ALWAYS_EXPORTED, "MODE"]);

/** Directives that only other ways to run a Makeflow look at. */
const IGNORED_DIRECTIVES: ReadonlySet<string> = new Set([".SIZE", ".UMBRELLA"]);

export function evaluateMakeflow(
  statements: readonly Statement[],
  source: SourceText,
  environment: Readonly<Record<string, string>>,
  faults: FaultList,
): readonly Rule[] {
  return new Evaluation(source, environment, exportedNames(statements), faults).rules(statements);
}

/** An export counts for the whole file, also for the rules above it. */
function exportedNames(statements: readonly Statement[]): readonly string[] {
  const names = statements.flatMap((statement) => (statement.type === "export" ? statement.names : []));
  return [...new Set(names)];
}

const nothing: ReadonlyMap<string, string> = new Map();

class Evaluation {
  readonly #source: SourceText;
  readonly #scopes: Scopes;
  readonly #exported: readonly string[];
  readonly #faults: FaultList;

  constructor(
    source: SourceText,
    environment: Readonly<Record<string, string>>,
    exported: readonly string[],
    faults: FaultList,
  ) {
    this.#source = source;
    this.#scopes = new Scopes(environment);
    this.#exported = exported;
    this.#faults = faults;
  }

  rules(statements: readonly Statement[]): readonly Rule[] {
    const rules: Rule[] = [];
    for (const statement of statements) {
      if (statement.type === "rule") rules.push(this.#rule(statement));
      else if (statement.type === "directive") this.#direct(statement.words);
      else if (statement.type === "assignment") {
        this.#scopes.assign(statement.name, this.#assigned(statement, nothing));
      }
    }
    return rules;
  }

  #assigned({ name, operator, value }: Assignment, own: ReadonlyMap<string, string>): string {
    const text = expandValue(value, this.#expansion(own)).replace(/\r$/, "");
    const before = operator === "+=" ? this.#scopes.lookup(name, own) : null;
    return before === null ? text : `${before} ${text}`;
  }

  #direct(words: readonly Raw[]): void {
    const [kind, name, value] = words;
    if (kind === undefined || IGNORED_DIRECTIVES.has(kind.text)) return;
    const known = [...DIRECTIVES].join(", ");
    if (kind.text !== ".MAKEFLOW") {
      this.#blame(
        kind.offset,
        `${kind.text} is no directive of Makeflow: it has .MAKEFLOW, .SIZE and .UMBRELLA.`,
      );
    } else if (name === undefined || !DIRECTIVES.has(name.text)) {
      this.#blame(
        name?.offset ?? kind.offset,
        `.MAKEFLOW sets one of ${known}: write .MAKEFLOW CORES 2, for example.`,
      );
    } else if (value === undefined) {
      this.#blame(name.offset, `.MAKEFLOW ${name.text} has no value: write one after it.`);
    } else {
      this.#scopes.assign(name.text, expandValue(value, this.#expansion(nothing)));
    }
  }

  #rule(statement: RuleStatement): Rule {
    const own = new Map<string, string>();
    for (const assignment of statement.assignments) {
      own.set(assignment.name, this.#assigned(assignment, own));
    }
    const expansion = this.#expansion(own);
    const action = actionOf(expandCommand(statement.command, expansion));
    if (action === null) this.#blame(statement.command.offset, "This command is empty: say what to run.");
    return {
      place: this.#source.placeAt(statement.offset),
      outputs: this.#files(statement.outputs, expansion),
      inputs: this.#files(statement.inputs, expansion),
      action: action ?? { type: "command", command: "true" },
      env: this.#environment(own),
      resources: this.#resources(own, statement),
    };
  }

  #files(raw: Raw, expansion: Expansion): readonly RuleFile[] {
    const files: RuleFile[] = [];
    const place = this.#source.placeAt(raw.offset + raw.text.search(/\S|$/));
    const words = expandWords(raw, expansion);
    for (let index = 0; index < words.length; index += 1) {
      const { text, arrow } = words[index] ?? { text: "", arrow: -1 };
      let name = arrow < 0 ? text : text.slice(0, arrow);
      let taskName = arrow < 0 ? text : text.slice(arrow + 2);
      const following = words[index + 1];
      if (arrow < 0 && following !== undefined && following.arrow === 0) {
        // `a -> b` and `a ->b`
        taskName = following.text.slice(2);
        index += 1;
      }
      if ((arrow >= 0 || taskName !== text) && taskName === "") {
        index += 1;
        taskName = words[index]?.text ?? "";
      }
      name = normalised(name);
      if (name === "" || taskName === "") {
        this.#faults.add(
          place,
          "A name is missing beside ->: write name->other for a file that the command calls other.",
        );
      } else files.push({ name, taskName: taskName === text ? name : normalised(taskName), place });
    }
    return files;
  }

  /** What the commands of this rule find in their environment beside that of the submitter. */
  #environment(own: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
    const entries: [string, string][] = [];
    for (const name of ALWAYS_EXPORTED) {
      // Makeflow takes the cores of the environment where the file says nothing of them.
      const value = name === "CORES" ? this.#scopes.lookup(name, own) : this.#scopes.lookupSet(name, own);
      if (value !== null) entries.push([name, value]);
    }
    for (const name of this.#exported) {
      const value = this.#scopes.lookupSet(name, own);
      if (value !== null) entries.push([name, value]);
    }
    return Object.fromEntries(entries);
  }

  #resources(own: ReadonlyMap<string, string>, statement: RuleStatement): RuleResources {
    const amount = (name: string): number | null => {
      const set = this.#scopes.lookupSet(name, own);
      const text = unquoted(set ?? this.#scopes.lookup(name, own) ?? "");
      if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
      if (set !== null && text !== "") {
        this.#blame(statement.offset, `${name} is ${JSON.stringify(text)} for this rule: give it a number.`);
      }
      return null;
    };
    return {
      cores: amount("CORES"),
      memoryMegabytes: amount("MEMORY"),
      gpus: amount("GPUS"),
      wallTimeSeconds: amount("WALL_TIME"),
    };
  }

  #expansion(own: ReadonlyMap<string, string>): Expansion {
    return {
      lookup: (name) => this.#scopes.lookup(name, own),
      blame: (offset, message) => this.#blame(offset, message),
    };
  }

  #blame(offset: number, message: string): void {
    this.#faults.add(() => this.#source.placeAt(offset), message);
  }
}

/** `LOCAL` says where to run, which is here anyway. `MAKEFLOW file [folder]` runs another Makeflow. */
function actionOf(expanded: string): RuleAction | null {
  const command = expanded.replace(/^LOCAL(\s+|$)/, "");
  if (command === "") return null;
  const nested = /^MAKEFLOW\s+("[^"]*"|'[^']*'|\S+)(?:\s+("[^"]*"|'[^']*'|\S+))?$/.exec(command);
  if (nested === null) return { type: "command", command };
  return {
    type: "workflow",
    path: unquoted(nested[1] ?? ""),
    workdir: unquoted(nested[2] ?? "."),
    args: null,
  };
}

export function normalised(name: string): string {
  return name === "" ? "" : path.posix.normalize(name).replace(/(.)\/$/, "$1");
}
