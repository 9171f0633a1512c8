/** From a submitted document to its plan: what the planner's thread does, and the manager itself for the shortest documents. */
import { existsSync, readFileSync } from "node:fs";
import { QrewError } from "../protocol/errors.ts";
import { compileWorkflow } from "../src/workflow/compile.ts";
import { borrowingOf } from "../src/workflow/demand.ts";
import { encodePlan } from "../src/workflow/encodePlan.ts";
import { jobFilesOf } from "../src/workflow/importers/jobFiles.ts";
import { replayCommand } from "../src/workflow/replay/program.ts";
import type { Document, PlannerAnswer, PlannerRequest } from "./plannerMessages.ts";

/** Throws nothing: what goes wrong is the answer. */
export function planRequest(request: PlannerRequest): PlannerAnswer {
  const { id, source, capacity } = request;
  try {
    const bytes = bytesOf(request.document);
    const { format, timeScale, sizeScale, jx } = request.settings;
    const imports = {
      format,
      timeScale,
      sizeScale,
      jx,
      environment: request.environment,
      files: jobFilesOf(request.folder),
      replayCommand: replayCommand(),
    };
    const compiled = compileWorkflow(bytes, source, { capacity, imports });
    if (compiled.type === "invalid") return { ...compiled, id, faults: [...compiled.faults] };
    const { plan } = compiled;
    const { name, graph } = plan;
    const { demand, isOrdinarySingle } = borrowingOf(graph, capacity);
    const { taskCount } = graph;
    return { type: "planned", id, name, taskCount, demand, isOrdinarySingle, plan: encodePlan(plan) };
  } catch (error) {
    return { type: "failed", id, message: QrewError.from(error).message };
  }
}

function bytesOf(document: Document): Uint8Array {
  if (document.type === "bytes") return document.bytes;
  // A document of no bytes comes in no piece, and so has no file.
  return existsSync(document.path) ? readFileSync(document.path) : new Uint8Array(0);
}
