/** Finds tasks that wait for each other in a circle. Iterative: a cycle may have a million tasks. */
import type { WorkflowDocument } from "./document.ts";
import { atValue, type FaultList } from "./fault.ts";
import type { Graph } from "./graph.ts";
import { quoted } from "./scalar.ts";

/**
 * One fault per cycle. Tasks leave the graph when nothing that is left holds them. What is then left holds a circle: a
 * walk from each to what holds it runs into one, which is told and taken out, and the walk goes on before it.
 */
export function findCycles(
  document: WorkflowDocument,
  links: Graph,
  dependents: Graph,
  faults: FaultList,
): void {
  const removal = new Removal(links, dependents);
  if (removal.isComplete) return;
  const nextEdge = links.offsets.slice();
  for (let start = 0; start < document.definitions.length; start += 1) {
    if (removal.isRemoved(start)) continue;
    const walk = [start];
    const positions = new Map([[start, 0]]);
    for (let at = walk.at(-1); at !== undefined; at = walk.at(-1)) {
      const holder = removal.isRemoved(at) ? null : heldBy(at, links, nextEdge, removal);
      if (holder === null) {
        walk.pop();
        positions.delete(at);
        continue;
      }
      const seen = positions.get(holder);
      if (seen === undefined) {
        positions.set(holder, walk.length);
        walk.push(holder);
        continue;
      }
      const cycle = walk.slice(seen);
      tell(cycle, document, faults);
      for (const definition of cycle) removal.force(definition);
    }
  }
}

/** A dependency that is left; `nextEdge` remembers how far each task's were found gone. */
function heldBy(definition: number, links: Graph, nextEdge: Uint32Array, removal: Removal): number | null {
  const end = links.offsets[definition + 1] ?? 0;
  for (let edge = nextEdge[definition] ?? end; edge < end; edge += 1) {
    nextEdge[definition] = edge;
    const target = links.targets[edge] ?? 0;
    if (!removal.isRemoved(target)) return target;
  }
  return null;
}

class Removal {
  readonly #waitsFor: Uint32Array;
  readonly #removed: Uint8Array;
  #removedCount = 0;
  /** Taken out, and what depends on them is not looked at yet. */
  readonly #leaving: number[] = [];
  readonly #dependents: Graph;

  /** `dependents` are the links, turned round. */
  constructor(links: Graph, dependents: Graph) {
    const count = links.offsets.length - 1;
    this.#dependents = dependents;
    this.#removed = new Uint8Array(count);
    this.#waitsFor = new Uint32Array(count);
    for (let definition = 0; definition < count; definition += 1) {
      this.#waitsFor[definition] = (links.offsets[definition + 1] ?? 0) - (links.offsets[definition] ?? 0);
    }
    for (let definition = 0; definition < count; definition += 1) {
      if (this.#waitsFor[definition] === 0) this.force(definition);
    }
  }

  get isComplete(): boolean {
    return this.#removedCount === this.#removed.length;
  }

  isRemoved(definition: number): boolean {
    return this.#removed[definition] === 1;
  }

  /** Takes the definition out, and after it all that then waits for nothing. */
  force(definition: number): void {
    if (this.isRemoved(definition)) return;
    const leaving = this.#leaving;
    this.#remove(definition);
    const { offsets, targets } = this.#dependents;
    for (let next = leaving.pop(); next !== undefined; next = leaving.pop()) {
      for (let edge = offsets[next] ?? 0; edge < (offsets[next + 1] ?? 0); edge += 1) {
        const dependent = targets[edge] ?? 0;
        const left = (this.#waitsFor[dependent] ?? 0) - 1;
        this.#waitsFor[dependent] = left;
        if (left === 0 && !this.isRemoved(dependent)) this.#remove(dependent);
      }
    }
  }

  #remove(definition: number): void {
    this.#removed[definition] = 1;
    this.#removedCount += 1;
    this.#leaving.push(definition);
  }
}

const SHOWN_MAX = 8; // more names would hide the sentence
const SHOWN_AT_THE_END = 3;

/** Each in the cycle waits for the next, the last for the first. */
function tell(cycle: readonly number[], document: WorkflowDocument, faults: FaultList): void {
  const first = cycle.reduce((least, definition) => Math.min(least, definition), cycle[0] ?? 0);
  const turn = cycle.indexOf(first);
  const path = () => {
    const names = [...cycle.slice(turn), ...cycle.slice(0, turn), first].map((definition) =>
      quoted(document.definitions.nameOf(definition)),
    );
    const left = names.length - SHOWN_MAX;
    if (left > 1) names.splice(SHOWN_MAX - SHOWN_AT_THE_END, left, `(${left} more)`);
    return names.join(" → ");
  };
  faults.add(
    () => atValue([...document.tasksPath, first, "depends"]),
    () =>
      `These tasks wait for each other in a circle, each for the next: ${path()}. Take one of these dependencies out.`,
  );
}
