/**
 * From YAML nodes to values. Unlike the package's own conversion it keeps numbers as they are written, compares keys
 * in linear time, and counts what aliases unfold to: an alias is the value of its anchor, not a copy of it.
 */
import { isAlias, isMap, isScalar, isSeq, type ParsedNode, Scalar, type YAMLMap } from "yaml";
import { isEntries, quoted, WrittenNumber } from "./scalar.ts";
import { meantPlaceholder, quotePlaceholder } from "./yamlAdvice.ts";

/** Nodes of a document with its aliases unfolded. Honest ones repeat a block of settings a few thousand times. */
const UNFOLDED_NODES_MAX = 10_000_000;

type Report = (offset: number, message: string) => void;

export interface YamlValue {
  readonly value: unknown;
  /** The node that each alias stands for. */
  readonly targets: ReadonlyMap<ParsedNode, ParsedNode>;
}

export function yamlValue(root: ParsedNode, report: Report): YamlValue {
  const conversion = new Conversion(report);
  return { value: conversion.value(root), targets: conversion.targets };
}

export const MERGE_KEY = "<<";

export const isMergeKey = (key: ParsedNode): boolean =>
  isScalar(key) && key.value === MERGE_KEY && (key.type === undefined || key.type === Scalar.PLAIN);

/** The text of a key, or null for what cannot be one. */
export function keyText(key: ParsedNode): string | null {
  if (!isScalar(key) || key.value === null) return null;
  return typeof key.value === "string" ? key.value : (key.source ?? null);
}

interface Anchor {
  readonly node: ParsedNode;
  readonly value: unknown;
  /** Nodes in it, aliases unfolded. */
  readonly nodes: number;
}

class Conversion {
  readonly #report: Report;
  readonly targets = new Map<ParsedNode, ParsedNode>();
  readonly #anchors = new Map<string, Anchor>();
  #nodes = 0;
  #tooLarge = false;

  constructor(report: Report) {
    this.#report = report;
  }

  value(node: ParsedNode): unknown {
    const before = this.#nodes;
    this.#count(1, node);
    const value = this.#content(node);
    if (!isAlias(node) && node.anchor !== undefined) {
      this.#anchors.set(node.anchor, { node, value, nodes: this.#nodes - before });
    }
    return value;
  }

  #count(nodes: number, at: ParsedNode): void {
    this.#nodes += nodes;
    if (this.#nodes <= UNFOLDED_NODES_MAX || this.#tooLarge) return;
    this.#tooLarge = true;
    this.#report(
      at.range[0],
      `The aliases up to here unfold to more than ${UNFOLDED_NODES_MAX} values: use fewer.`,
    );
  }

  #content(node: ParsedNode): unknown {
    if (isScalar(node)) return scalarValue(node.value, node.source);
    if (isSeq(node)) return node.items.map((item) => this.value(item));
    if (isMap(node)) return this.#entries(node);
    const anchor = this.#anchors.get(node.source);
    if (anchor === undefined) {
      this.#report(
        node.range[0],
        `There is no anchor &${node.source} that ends before this alias: correct the name.`,
      );
      return null;
    }
    this.#count(anchor.nodes, node);
    this.targets.set(node, anchor.node);
    return anchor.value;
  }

  #entries(map: YAMLMap.Parsed): Readonly<Record<string, unknown>> {
    const placeholder = meantPlaceholder(map, keyText);
    if (placeholder !== null) {
      this.#report(map.range[0], quotePlaceholder(placeholder));
      return {};
    }
    const own = new Map<string, unknown>();
    const merged = new Map<string, unknown>();
    for (const { key, value } of map.items) {
      const content = value === null ? null : this.value(value);
      if (isMergeKey(key)) {
        this.#merge(content, value ?? key, merged);
        continue;
      }
      const text = keyText(key);
      if (text === null) this.#report(key.range[0], "A key must be text: put it in quotes.");
      else if (own.has(text))
        this.#report(key.range[0], `The key ${quoted(text)} is there twice: keep one of them.`);
      else own.set(text, content);
      if (!isAlias(key) && key.anchor !== undefined)
        this.#anchors.set(key.anchor, { node: key, value: text, nodes: 1 });
    }
    for (const [key, content] of merged) if (!own.has(key)) own.set(key, content);
    return Object.fromEntries(own);
  }

  /** Of several sources the first that has a key counts. */
  #merge(content: unknown, at: ParsedNode, merged: Map<string, unknown>): void {
    const sources: readonly unknown[] = Array.isArray(content) ? content : [content];
    for (const source of sources) {
      if (!isEntries(source)) {
        this.#report(
          at.range[0],
          "The merge key << takes an object or a list of objects: give *alias of one.",
        );
        return;
      }
      for (const [key, value] of Object.entries(source)) if (!merged.has(key)) merged.set(key, value);
    }
  }
}

function scalarValue(value: unknown, source: string | undefined): unknown {
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return new WrittenNumber(value, source);
}
