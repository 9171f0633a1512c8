/** Joins the tasks of a document by their names: duplicate names, unknown dependencies and cycles are found here. */
import { findCycles } from "./cycles.ts";
import {
  type Definition,
  type Dependency,
  dependencyName,
  elementCount,
  type WorkflowDocument,
} from "./document.ts";
import { atValue, type FaultList, type Path } from "./fault.ts";
import type { Graph } from "./graph.ts";
import { nearest } from "./nearest.ts";
import { EDGE_ALL, EDGE_SAME } from "./plan.ts";
import { quoted } from "./scalar.ts";

/** Dependencies of a job; each is five bytes in the plan and four in the QWorker. */
const EDGES_MAX = 100_000_000;

/** Each dependency is one edge; a repeated one counts once. With faults the links are of no use. */
export function linkTasks(document: WorkflowDocument, faults: FaultList): Graph {
  const { definitions } = document;
  const numbers = numberNames(document, faults);
  const dependencyCount = definitions.reduce((sum, { depends }) => sum + depends.length, 0);
  if (dependencyCount > EDGES_MAX) {
    faults.add(
      atValue(document.tasksPath),
      `There are ${dependencyCount} dependencies, a job has at most ${EDGES_MAX}.`,
    );
    return {
      offsets: new Uint32Array(definitions.length + 1),
      targets: new Uint32Array(),
      kinds: new Uint8Array(),
    };
  }
  const resolve = new DependencyResolver(document, numbers, faults);
  const offsets = new Uint32Array(definitions.length + 1);
  const targets = new Uint32Array(dependencyCount);
  const kinds = new Uint8Array(dependencyCount);
  // The last definition, plus one, that waits for all of a target, or for its element: a repetition is left out.
  const seenAll = new Uint32Array(definitions.length);
  const seenSame = new Uint32Array(definitions.length);
  let edge = 0;
  for (const [index, definition] of definitions.entries()) {
    for (const [position, dependency] of definition.depends.entries()) {
      const target = resolve.target(index, definition, dependency, position);
      if (target === null) continue;
      const seen = typeof dependency === "string" ? seenAll : seenSame;
      if (seen[target] === index + 1) continue;
      seen[target] = index + 1;
      targets[edge] = target;
      kinds[edge] = typeof dependency === "string" ? EDGE_ALL : EDGE_SAME;
      edge += 1;
    }
    offsets[index + 1] = edge;
  }
  const links = { offsets, targets: targets.slice(0, edge), kinds: kinds.slice(0, edge) };
  findCycles(document, links, faults);
  return links;
}

function numberNames(document: WorkflowDocument, faults: FaultList): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  for (const [index, { name }] of document.definitions.entries()) {
    if (name === "") continue;
    const first = numbers.get(name);
    if (first === undefined) {
      numbers.set(name, index);
      continue;
    }
    faults.add(
      () => atValue([...document.tasksPath, index, "name"]),
      () => ({
        other: [...document.tasksPath, first, "name"],
        say: (line) =>
          `The name ${quoted(name)} is taken by the task on line ${line}: give each task its own.`,
      }),
    );
  }
  return numbers;
}

/** Comparisons with other names that a document may cost; beyond them no name is suggested. */
const SUGGESTION_COMPARISONS_MAX = 3_000_000;

class DependencyResolver {
  readonly #document: WorkflowDocument;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #faults: FaultList;
  #comparisons = 0;

  constructor(document: WorkflowDocument, numbers: ReadonlyMap<string, number>, faults: FaultList) {
    this.#document = document;
    this.#numbers = numbers;
    this.#faults = faults;
  }

  /** The definition to wait for, or null after a fault. */
  target(index: number, definition: Definition, dependency: Dependency, position: number): number | null {
    const name = dependencyName(dependency);
    if (name === "") return null;
    const target = this.#numbers.get(name);
    if (target !== undefined && target !== index && typeof dependency === "string") return target;
    const problem = this.#problem(index, definition, dependency, target);
    if (problem === null) return target ?? null;
    this.#faults.add(() => atValue(this.#path(index, position)), problem);
    return null;
  }

  #problem(
    index: number,
    definition: Definition,
    dependency: Dependency,
    target: number | undefined,
  ): (() => string) | null {
    const name = dependencyName(dependency);
    const other = target === undefined ? undefined : this.#document.definitions[target];
    if (target === undefined || other === undefined) return () => this.#unknown(name);
    if (target === index) return () => `The task ${quoted(name)} depends on itself: take this out.`;
    if (typeof dependency === "string") return null;
    if (definition.foreach === null || other.foreach === null) {
      const single = definition.foreach === null ? definition.name : name;
      return () => `same: index joins two arrays, but ${quoted(single)} has no foreach: name the task alone.`;
    }
    const [own, others] = [elementCount(definition), elementCount(other)];
    if (own === others) return null;
    return () =>
      `same: index needs arrays of one size, but this one has ${own} elements and ${quoted(name)} has ${others}.`;
  }

  #path(index: number, position: number): Path {
    return [...this.#document.tasksPath, index, "depends", position];
  }

  #unknown(name: string): string {
    const array = name.replace(/\[\d+\]$/, "");
    if (array !== name && this.#numbers.has(array)) {
      return `A task cannot wait for the single element ${quoted(name)}: depend on ${quoted(array)}, or use same: index.`;
    }
    this.#comparisons += this.#numbers.size;
    const guess = this.#comparisons > SUGGESTION_COMPARISONS_MAX ? null : nearest(name, this.#numbers.keys());
    const advice = guess === null ? "add it, or take the dependency out" : `did you mean ${quoted(guess)}?`;
    return `There is no task ${quoted(name)}: ${advice}${guess === null ? "." : ""}`;
  }
}
