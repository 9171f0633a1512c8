/**
 * The thread in which documents are read, checked and planned, so that a large or malicious one takes neither the manager's event
 * loop nor its memory.
 */
import { existsSync, readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { QrewError } from "../protocol/errors.ts";
import { compileWorkflow } from "../src/workflow/compile.ts";
import { firstDemand } from "../src/workflow/demand.ts";
import { encodePlan } from "../src/workflow/encodePlan.ts";
import { jobFilesOf } from "../src/workflow/importers/jobFiles.ts";
import { replayCommand } from "../src/workflow/replay/program.ts";
import type { Document, PlannerAnswer, PlannerRequest } from "./planner.ts";

function bytesOf(document: Document): Uint8Array {
  if (document.type === "bytes") return document.bytes;
  // A document of no bytes comes in no piece, and so has no file.
  return existsSync(document.path) ? readFileSync(document.path) : new Uint8Array(0);
}

function answer(request: PlannerRequest): PlannerAnswer {
  const { id, source, capacity } = request;
  try {
    const bytes = bytesOf(request.document);
    const imports = {
      ...request.settings,
      environment: request.environment,
      files: jobFilesOf(request.folder),
      replayCommand: replayCommand(),
    };
    const compiled = compileWorkflow(bytes, source, { capacity, imports });
    if (compiled.type === "invalid") return { ...compiled, id, faults: [...compiled.faults] };
    const { plan } = compiled;
    const { name, graph } = plan;
    const demand = firstDemand(graph, capacity);
    return { type: "planned", id, name, taskCount: graph.taskCount, demand, plan: encodePlan(plan) };
  } catch (error) {
    return { type: "failed", id, message: QrewError.from(error).message };
  }
}

parentPort?.on("message", (request: PlannerRequest) => {
  const reply = answer(request);
  const transfer =
    reply.type === "planned" && reply.plan.buffer instanceof ArrayBuffer ? [reply.plan.buffer] : [];
  parentPort?.postMessage(reply, transfer);
});
