/** Finds places in a YAML document by walking its nodes, through aliases and merge keys. */
import { isMap, isSeq, type ParsedNode, type YAMLMap } from "yaml";
import type { Locate, Path, Position } from "./fault.ts";
import { isMergeKey, keyText } from "./yamlValue.ts";

/** `targets` has the node that each alias stands for. */
export const yamlLocator =
  (root: ParsedNode, targets: Targets, positionAt: (offset: number) => Position): Locate =>
  (places) =>
    places.map((place) => {
      if (place.type === "document") return null;
      if (place.type === "position") return place.position;
      return positionAt(offsetOf(place.path, place.type === "key", root, targets));
    });

type Targets = ReadonlyMap<ParsedNode, ParsedNode>;

/** Where the path leads, or the last node on its way. */
function offsetOf(path: Path, wantsKey: boolean, root: ParsedNode, targets: Targets): number {
  let node = root;
  for (const [index, step] of path.entries()) {
    const found = child(targets.get(node) ?? node, step, targets);
    if (found === null) return node.range[0];
    if (wantsKey && index === path.length - 1) return (found.key ?? found.value).range[0];
    node = found.value;
  }
  return node.range[0];
}

interface Child {
  readonly key: ParsedNode | null;
  readonly value: ParsedNode;
}

function child(node: ParsedNode, step: string | number, targets: Targets): Child | null {
  if (isSeq(node)) {
    const value = typeof step === "number" ? node.items[step] : undefined;
    return value === undefined ? null : { key: null, value };
  }
  return isMap(node) ? entry(node, String(step), targets) : null;
}

/** The entry of this key, its own or merged in. */
function entry(map: YAMLMap.Parsed, name: string, targets: Targets): Child | null {
  const own = map.items.find(({ key }) => !isMergeKey(key) && keyText(key) === name);
  if (own !== undefined) return { key: own.key, value: own.value ?? own.key };
  for (const { key, value } of map.items) {
    if (!isMergeKey(key) || value === null) continue;
    const source = targets.get(value) ?? value;
    const parts: readonly ParsedNode[] = isSeq(source) ? source.items : [source];
    for (const part of parts) {
      const merged = targets.get(part) ?? part;
      const found = isMap(merged) ? entry(merged, name, targets) : null;
      if (found !== null) return found;
    }
  }
  return null;
}
