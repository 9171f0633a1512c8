/** A graph as text of Graphviz or Mermaid. */
import type { TaskState } from "../../store/workerRecords.ts";
import { type Graph, type GraphNode, labelLines, mainState } from "./model.ts";

/** Light, so that black text is read on them. */
const COLOURS: Readonly<Record<TaskState, string>> = {
  succeeded: "#b7e4c7",
  failed: "#ffb3b3",
  cancelled: "#ffd6a5",
  skipped: "#d9d9d9",
  running: "#a8d8ff",
  backoff: "#d0c8ff",
  ready: "#fffbcc",
  waiting: "#ffffff",
};

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');

export function* dotLines({ name, nodes, edges }: Graph): Generator<string> {
  yield `digraph "${escaped(name)}" {`;
  yield "  rankdir=LR;";
  yield '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="Helvetica"];';
  for (const node of nodes)
    yield `  t${node.id} [label="${labelLines(node).map(escaped).join("\\n")}"${dotStyle(node)}];`;
  for (const { from, to, isSame } of edges) yield `  t${from} -> t${to}${isSame ? " [style=dashed]" : ""};`;
  yield "}";
}

function dotStyle({ count, states }: GraphNode): string {
  const colour = states === null ? "" : `, fillcolor="${COLOURS[mainState(states)]}"`;
  // Two outlines for what stands for several.
  return `${count > 1 ? ", peripheries=2" : ""}${colour}`;
}

/** Quotes and what Mermaid takes for markup are written as numbers of characters. */
const entities = (text: string): string =>
  text.replaceAll(/[#"&<>;`\\[\]{}|]/g, (character) => `#${character.codePointAt(0)};`);

export function* mermaidLines({ nodes, edges }: Graph): Generator<string> {
  yield "flowchart LR";
  const used = new Set<TaskState>();
  for (const node of nodes) {
    const state = node.states === null ? null : mainState(node.states);
    if (state !== null) used.add(state);
    const label = `"${labelLines(node).map(entities).join("<br/>")}"`;
    const shape = node.count > 1 ? `[[${label}]]` : `(${label})`;
    yield `  t${node.id}${shape}${state === null ? "" : `:::${state}`}`;
  }
  for (const { from, to, isSame } of edges) yield `  t${from} ${isSame ? "-.->" : "-->"} t${to}`;
  for (const state of used) yield `  classDef ${state} fill:${COLOURS[state]},color:#000`;
}
