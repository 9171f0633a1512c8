/** The shapes of a link's objects: the names of their fields, in order, as the schemas have them. */
import type * as v from "valibot";
import { isPart, type Part } from "./quickCheck.ts";

/** Names of fields, in the order in which the schema has them. */
export type Shape = readonly string[];

/** Of all objects that the schemas describe, each once, in the order in which they stand there; a message before what is in it. */
export function shapesOf(...schemas: readonly v.GenericSchema[]): Shape[] {
  const shapes = new Map<string, Shape>();
  const seen = new Set<Part>();
  const visit = (part: Part | undefined): void => {
    if (part === undefined || seen.has(part)) return;
    seen.add(part);
    const { entries, getter } = part;
    if (entries !== undefined) {
      const shape = Object.keys(entries);
      const name = JSON.stringify(shape);
      if (!shapes.has(name)) shapes.set(name, shape);
    }
    const parts = [part.item, part.wrapped, part.value, ...Object.values(entries ?? {})];
    const choices = (part.options ?? []).filter(isPart);
    for (const one of [...parts, ...(part.items ?? []), ...choices, ...(part.pipe ?? [])]) visit(one);
    // A choice by type (byType.ts): of all, where the type says nothing.
    if (getter !== undefined) visit(getter(undefined));
  };
  for (const schema of schemas) visit(schema);
  return [...shapes.values()];
}

/** Whether an object has one of the shapes. */
export function shapeCheck(shapes: readonly Shape[]): (object: object) => boolean {
  const root = new ShapeNode();
  for (const shape of shapes) {
    let node = root;
    for (const name of shape) node = node.makeNext(name);
    node.isEnd = true;
  }
  return (object) => {
    let node: ShapeNode | undefined = root;
    for (const name in object) {
      node = node.next.get(name);
      if (node === undefined) return false;
    }
    return node.isEnd;
  };
}

/** The names so far. */
class ShapeNode {
  isEnd = false;
  readonly next = new Map<string, ShapeNode>();

  makeNext(name: string): ShapeNode {
    const known = this.next.get(name) ?? new ShapeNode();
    this.next.set(name, known);
    return known;
  }
}
