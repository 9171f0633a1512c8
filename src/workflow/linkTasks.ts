/** Joins the tasks of a document by their names: unknown dependencies and cycles are found here. */
import { findCycles } from "./cycles.ts";
import type { DefinitionTable, TableDependency } from "./definitionTable.ts";
import type { WorkflowDocument } from "./document.ts";
import { atValue, type FaultList, type Path } from "./fault.ts";
import { type Graph, transpose } from "./graph.ts";
import { nearest } from "./nearest.ts";
import { EDGE_ALL, EDGE_SAME } from "./plan.ts";
import { quoted } from "./scalar.ts";

/** Dependencies of a job; each is five bytes in the plan and four in the QWorker. */
const EDGES_MAX = 100_000_000;

export interface Links {
  /** How many each definition depends on. */
  readonly needs: Uint32Array;
  /** What depends on each definition, in their order. */
  readonly dependents: Graph;
}

/** Each dependency is one edge; a repeated one counts once. Null after faults. */
export function linkTasks(document: WorkflowDocument, faults: FaultList): Links | null {
  const before = faults.total;
  const { dependencyCount } = document.definitions;
  if (dependencyCount > EDGES_MAX) {
    faults.add(
      atValue(document.tasksPath),
      `There are ${dependencyCount} dependencies, a job has at most ${EDGES_MAX}.`,
    );
    return null;
  }
  const links = edgesOf(document, faults);
  const dependents = transpose(links);
  findCycles(document, links, dependents, faults);
  if (faults.total > before) return null;
  const needs = new Uint32Array(document.definitions.length);
  for (let index = 0; index < needs.length; index += 1) {
    needs[index] = (links.offsets[index + 1] ?? 0) - (links.offsets[index] ?? 0);
  }
  return { needs, dependents };
}

function edgesOf(document: WorkflowDocument, faults: FaultList): Graph {
  const { definitions } = document;
  const resolve = new DependencyResolver(document, faults);
  const offsets = new Uint32Array(definitions.length + 1);
  const targets = new Uint32Array(definitions.dependencyCount);
  const kinds = new Uint8Array(definitions.dependencyCount);
  // The last definition, plus one, that waits for all of a target, or for its element: a repetition is left out.
  const seenAll = new Uint32Array(definitions.length);
  const seenSame = new Uint32Array(definitions.hasSame ? definitions.length : 0);
  let edge = 0;
  for (let index = 0; index < definitions.length; index += 1) {
    const [first, end] = definitions.dependencyPlaces(index);
    for (let place = first; place < end; place += 1) {
      const dependency = definitions.dependencyAt(place);
      const target = dependency === null ? null : resolve.target(index, dependency, place);
      if (dependency === null || target === null) continue;
      const seen = dependency.same ? seenSame : seenAll;
      if (seen[target] === index + 1) continue;
      seen[target] = index + 1;
      targets[edge] = target;
      kinds[edge] = dependency.same ? EDGE_SAME : EDGE_ALL;
      edge += 1;
    }
    offsets[index + 1] = edge;
  }
  // A view takes memory of its own, also one of nothing.
  if (edge === targets.length) return { offsets, targets, kinds };
  return { offsets, targets: targets.subarray(0, edge), kinds: kinds.subarray(0, edge) };
}

/** Comparisons with other names that a document may cost; beyond them no name is suggested. */
const SUGGESTION_COMPARISONS_MAX = 3_000_000;

class DependencyResolver {
  readonly #definitions: DefinitionTable;
  readonly #tasksPath: Path;
  readonly #faults: FaultList;
  #comparisons = 0;

  constructor({ definitions, tasksPath }: WorkflowDocument, faults: FaultList) {
    this.#definitions = definitions;
    this.#tasksPath = tasksPath;
    this.#faults = faults;
  }

  /** The definition to wait for, or null after a fault. */
  target(index: number, { target, same }: TableDependency, place: number): number | null {
    if (target !== null && target !== index && !same) return target;
    const problem = this.#problem(index, target, same, place);
    if (problem === null) return target;
    this.#faults.add(() => atValue(this.#path(index, place)), problem);
    return null;
  }

  #problem(index: number, target: number | null, same: boolean, place: number): (() => string) | null {
    const definitions = this.#definitions;
    const name = (): string => definitions.dependencyNameAt(place);
    if (target === null) return () => this.#unknown(index, name());
    if (target === index) return () => `The task ${quoted(name())} depends on itself: take this out.`;
    if (!same) return null;
    const isSingle = definitions.foreachOf(index) === null;
    if (isSingle || definitions.foreachOf(target) === null) {
      const single = isSingle ? definitions.nameOf(index) : name();
      return () => `same: index joins two arrays, but ${quoted(single)} has no foreach: name the task alone.`;
    }
    const [own, others] = [definitions.elementCount(index), definitions.elementCount(target)];
    if (own === others) return null;
    return () =>
      `same: index needs arrays of one size, but this one has ${own} elements and ${quoted(name())} has ${others}.`;
  }

  #path(index: number, place: number): Path {
    const [first] = this.#definitions.dependencyPlaces(index);
    return [...this.#tasksPath, index, "depends", place - first];
  }

  #unknown(index: number, name: string): string {
    const definitions = this.#definitions;
    const array = name.replace(/\[\d+\]$/, "");
    if (array !== name && definitions.find(array) !== null) {
      return `A task cannot wait for the single element ${quoted(name)}: depend on ${quoted(array)}, or use same: index.`;
    }
    this.#comparisons += definitions.length;
    const near = this.#comparisons > SUGGESTION_COMPARISONS_MAX ? null : nearest(name, definitions.names());
    const guess = near === definitions.nameOf(index) ? null : near;
    const advice = guess === null ? "add it, or take the dependency out" : `did you mean ${quoted(guess)}?`;
    return `There is no task ${quoted(name)}: ${advice}${guess === null ? "." : ""}`;
  }
}
