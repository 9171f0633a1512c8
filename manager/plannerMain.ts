/**
 * The thread in which documents are read, checked and planned, so that a large or malicious one takes neither the manager's event
 * loop nor its memory.
 */
import { existsSync, readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { QrewError } from "../protocol/errors.ts";
import { compileWorkflow } from "../src/workflow/compile.ts";
import { encodePlan } from "../src/workflow/encodePlan.ts";
import { jobFilesOf } from "../src/workflow/importers/jobFiles.ts";
import { replayCommand } from "../src/workflow/replay/program.ts";
import type { PlannerAnswer, PlannerRequest } from "./planner.ts";

function answer(request: PlannerRequest): PlannerAnswer {
  const { id, source, capacity } = request;
  try {
    // A document of no bytes comes in no piece, and so has no file.
    const bytes = existsSync(request.path) ? readFileSync(request.path) : new Uint8Array(0);
    const imports = {
      ...request.settings,
      environment: request.environment,
      files: jobFilesOf(request.folder),
      replayCommand: replayCommand(),
    };
    const compiled = compileWorkflow(bytes, source, { capacity, imports });
    if (compiled.type === "invalid") return { ...compiled, id, faults: [...compiled.faults] };
    const { plan } = compiled;
    return { type: "planned", id, name: plan.name, taskCount: plan.graph.taskCount, plan: encodePlan(plan) };
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
