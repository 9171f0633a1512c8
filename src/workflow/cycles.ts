/** Finds tasks that wait for each other in a circle. Iterative: a cycle may have a million tasks. */
import type { WorkflowDocument } from "./document.ts";
import { atValue, type FaultList } from "./fault.ts";
import { type Graph, transpose } from "./graph.ts";
import { quoted } from "./scalar.ts";

/**
 * One fault per cycle. Tasks leave the graph when nothing that is left holds them; when none can leave, a walk along the
 * dependencies must run in a circle, which is told and taken out, until the graph is empty.
 */
export function findCycles(document: WorkflowDocument, links: Graph, faults: FaultList): void {
  const removal = new Removal(links);
  for (let start = 0; start < document.definitions.length; start += 1) {
    while (!removal.isRemoved(start)) {
      const cycle = cycleFrom(start, links, removal);
      if (cycle.length === 0) break; // cannot be: what is left always holds a circle
      tell(cycle, document, faults);
      for (const definition of cycle) removal.force(definition);
    }
  }
}

class Removal {
  readonly #waitsFor: Uint32Array;
  readonly #removed: Uint8Array;
  readonly #dependents: Graph;

  constructor(links: Graph) {
    const count = links.offsets.length - 1;
    this.#dependents = transpose(links);
    this.#removed = new Uint8Array(count);
    this.#waitsFor = new Uint32Array(count);
    for (let definition = 0; definition < count; definition += 1) {
      this.#waitsFor[definition] = (links.offsets[definition + 1] ?? 0) - (links.offsets[definition] ?? 0);
    }
    for (let definition = 0; definition < count; definition += 1) {
      if (this.#waitsFor[definition] === 0 && !this.isRemoved(definition)) this.force(definition);
    }
  }

  isRemoved(definition: number): boolean {
    return this.#removed[definition] === 1;
  }

  /** Takes the definition out, and after it all that then waits for nothing. */
  force(definition: number): void {
    if (this.isRemoved(definition)) return;
    this.#removed[definition] = 1;
    const leaving = [definition];
    const { offsets, targets } = this.#dependents;
    for (let next = leaving.pop(); next !== undefined; next = leaving.pop()) {
      for (let edge = offsets[next] ?? 0; edge < (offsets[next + 1] ?? 0); edge += 1) {
        const dependent = targets[edge] ?? 0;
        const left = (this.#waitsFor[dependent] ?? 0) - 1;
        this.#waitsFor[dependent] = left;
        if (left === 0 && !this.isRemoved(dependent)) {
          this.#removed[dependent] = 1;
          leaving.push(dependent);
        }
      }
    }
  }
}

/** Each in the cycle waits for the next, the last for the first. */
function cycleFrom(start: number, links: Graph, removal: Removal): readonly number[] {
  const positions = new Map<number, number>();
  const walk: number[] = [];
  for (let at: number | null = start; at !== null; at = heldBy(at, links, removal)) {
    const seen = positions.get(at);
    if (seen !== undefined) return walk.slice(seen);
    positions.set(at, walk.length);
    walk.push(at);
  }
  return [];
}

function heldBy(definition: number, links: Graph, removal: Removal): number | null {
  for (let edge = links.offsets[definition] ?? 0; edge < (links.offsets[definition + 1] ?? 0); edge += 1) {
    const target = links.targets[edge] ?? 0;
    if (!removal.isRemoved(target)) return target;
  }
  return null;
}

const SHOWN_MAX = 8; // more names would hide the sentence
const SHOWN_AT_THE_END = 3;

function tell(cycle: readonly number[], document: WorkflowDocument, faults: FaultList): void {
  const first = cycle.reduce((least, definition) => Math.min(least, definition), cycle[0] ?? 0);
  const turn = cycle.indexOf(first);
  const path = () => {
    const names = [...cycle.slice(turn), ...cycle.slice(0, turn), first].map((definition) =>
      quoted(document.definitions[definition]?.name ?? ""),
    );
    const left = names.length - SHOWN_MAX;
    if (left > 1) names.splice(SHOWN_MAX - SHOWN_AT_THE_END, left, `(${left} more)`);
    return names.join(" → ");
  };
  faults.add(
    () => atValue([...document.tasksPath, first, "depends"]),
    () => `These tasks wait for each other in a circle, each for the next: ${path()}. Take one of these dependencies out.`,
  );
}
