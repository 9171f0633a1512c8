/**
 * The definitions of a document as columns, filled one by one: a document with a million tasks is a million of them. What a
 * definition depends on is looked up as it comes, since most documents name a task before they refer to it.
 */
import { type Definition, type Dependency, dependencyName, elementCount } from "./definition.ts";
import type { Foreach } from "./foreach.ts";
import { Uint32List } from "./numberList.ts";
import type { TextColumn } from "./textColumn.ts";
import { TextTable } from "./textTable.ts";

/** A dependency as a number: that of its definition, or with NAMED that of a name which nothing has had yet; SAME joins indices. */
const NAMED = 0x8000_0000;
const SAME = 0x4000_0000;
const NUMBER = 0x3fff_ffff;
/** Its name has been blamed. */
const NOTHING = 0xffff_ffff;

export interface TableDependency {
  /** Null where no definition has the name. */
  readonly target: number | null;
  readonly same: boolean;
}

export class DefinitionTable {
  readonly #names: TextTable;
  readonly #firstTasks: Uint32List;
  readonly #classes: Uint32List;
  readonly #params: Uint32List;
  readonly #whens: Uint32List;
  readonly #commands = new TextTable();
  readonly #commandNumbers: Uint32List;
  #lastCommand: Definition["command"] | null = null;
  readonly #foreachs = new Map<number, Foreach>();
  readonly #dependOffsets: Uint32List;
  readonly #depends: Uint32List;
  readonly #laterNames = new TextTable();
  #hasSame = false;

  /** So many are expected. */
  constructor(capacity: number) {
    this.#names = new TextTable(capacity);
    this.#firstTasks = new Uint32List(capacity + 1);
    this.#classes = new Uint32List(capacity);
    this.#params = new Uint32List(capacity);
    this.#whens = new Uint32List(capacity);
    this.#commandNumbers = new Uint32List(capacity);
    this.#dependOffsets = new Uint32List(capacity + 1);
    this.#depends = new Uint32List(capacity);
    this.#firstTasks.push(0);
    this.#dependOffsets.push(0);
  }

  get length(): number {
    return this.#classes.length;
  }

  get taskCount(): number {
    return this.#firstTasks.at(this.length);
  }

  /** Whether something depends on elements of the same index. */
  get hasSame(): boolean {
    return this.#hasSame;
  }

  get dependencyCount(): number {
    return this.#depends.length;
  }

  /** Returns the first definition of the same name, or null. Names that are empty, which a fault says, are not compared. */
  add(definition: Definition): number | null {
    const { name, depends, foreach } = definition;
    const known = this.#names.append(name);
    if (foreach !== null) this.#foreachs.set(this.length, foreach);
    this.#firstTasks.push(this.taskCount + elementCount(definition));
    this.#commandNumbers.push(this.#commandNumber(definition.command));
    this.#params.push(definition.paramsIndex);
    this.#whens.push(definition.when);
    this.#classes.push(definition.classIndex);
    for (const dependency of depends) this.#depends.push(this.#numberOf(dependency));
    this.#dependOffsets.push(this.#depends.length);
    return name === "" ? null : known;
  }

  /** Equal commands are kept once, and those of neighbours mostly are: a default that a million tasks share must not cost memory. */
  #commandNumber(command: Definition["command"]): number {
    if (command === this.#lastCommand) return this.#commandNumbers.at(this.length - 1);
    this.#lastCommand = command;
    return this.#commands.number(JSON.stringify(command));
  }

  #numberOf(dependency: Dependency): number {
    const name = dependencyName(dependency);
    if (name === "") return NOTHING;
    const flags = typeof dependency === "string" ? 0 : SAME;
    this.#hasSame ||= flags === SAME;
    const target = this.#names.find(name);
    return (target === null ? this.#laterNames.number(name) | NAMED | flags : target | flags) >>> 0;
  }

  nameOf(definition: number): string {
    return this.#names.at(definition);
  }

  /** The first definition of this name, or null. */
  find(name: string): number | null {
    return this.#names.find(name);
  }

  /** For messages: all names, each as often as it is there. */
  *names(): Generator<string> {
    for (let definition = 0; definition < this.length; definition += 1) yield this.nameOf(definition);
  }

  foreachOf(definition: number): Foreach | null {
    return this.#foreachs.get(definition) ?? null;
  }

  elementCount(definition: number): number {
    return this.#firstTasks.at(definition + 1) - this.#firstTasks.at(definition);
  }

  /** Of a definition the places of its dependencies, as `dependencyAt` takes them: from the first to before the last. */
  dependencyPlaces(definition: number): readonly [first: number, end: number] {
    return [this.#dependOffsets.at(definition), this.#dependOffsets.at(definition + 1)];
  }

  /** Null where its name has been blamed. Of what was added later only the names are known that were found since. */
  dependencyAt(place: number): TableDependency | null {
    const number = this.#depends.at(place);
    if (number === NOTHING) return null;
    const same = (number & SAME) !== 0;
    if (number < NAMED) return { target: number & NUMBER, same };
    return { target: this.#names.find(this.#laterNames.at(number & NUMBER)), same };
  }

  /** The name that the dependency was given. */
  dependencyNameAt(place: number): string {
    const number = this.#depends.at(place);
    return number < NAMED ? this.nameOf(number & NUMBER) : this.#laterNames.at(number & NUMBER);
  }

  columns(): DefinitionColumns {
    return {
      names: this.#names.column(),
      firstTask: this.#firstTasks.view(),
      classes: this.#classes.view(),
      params: this.#params.view(),
      when: Uint8Array.from(this.#whens.view()),
      commands: this.#commands.column(),
      commandOf: this.#commandNumbers.view(),
      foreachs: this.#foreachs,
    };
  }
}

/** Views of the table's columns, of use until the next `add`; as in PlanColumns and PlanGraph. */
interface DefinitionColumns {
  readonly names: TextColumn;
  readonly firstTask: Uint32Array;
  readonly classes: Uint32Array;
  readonly params: Uint32Array;
  readonly when: Uint8Array;
  /** As JSON text. */
  readonly commands: TextColumn;
  readonly commandOf: Uint32Array;
  /** Of the definitions that are arrays, in their order. */
  readonly foreachs: ReadonlyMap<number, Foreach>;
}
