/**
 * The thread in which documents are read, checked and planned, so that a large or malicious one takes neither the manager's event
 * loop nor its memory.
 */
import { parentPort } from "node:worker_threads";
import type { PlannerRequest } from "./plannerMessages.ts";
import { planRequest } from "./planning.ts";

parentPort?.on("message", (request: PlannerRequest) => {
  const reply = planRequest(request);
  const transfer =
    reply.type === "planned" && reply.plan.buffer instanceof ArrayBuffer ? [reply.plan.buffer] : [];
  parentPort?.postMessage(reply, transfer);
});
