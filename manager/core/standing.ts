/** Where a live job stands, for a person who asks why it waits: in the queue, parked, or with its QWorker; and who holds what. */
import type { JobStanding } from "../../protocol/clientLink.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { HOLDERS_MAX } from "../../protocol/limits.ts";
import { isNoResources } from "../../src/node/resources.ts";
import type { ClientId } from "./events.ts";
import { holdings } from "./pools.ts";
import { isUnknownRefused } from "./queue.ts";
import type { LiveJob } from "./state.ts";
import { reply, type Turn } from "./turn.ts";

export function onExplainJob(turn: Turn, client: ClientId, request: number, id: JobSeq): void {
  if (isUnknownRefused(turn, client, request, [id])) return;
  const { state } = turn;
  const job = state.jobs.get(id);
  const holders = [...holdings(turn)]
    .map(([{ record }, held]) => ({ job: record.job, name: record.name, held }))
    .filter(({ held }) => !isNoResources(held))
    .toSorted((a, b) => b.held.cpusMilli - a.held.cpusMilli)
    .slice(0, HOLDERS_MAX);
  const standing: JobStanding = {
    place: job === undefined ? { type: "ended" } : placeOf(turn, job),
    draining: state.stopping !== null,
    capacity: state.options.capacity,
    holders,
  };
  reply(turn, client, { type: "jobStanding", request, standing });
}

function placeOf(turn: Turn, job: LiveJob): JobStanding["place"] {
  const { state, clock } = turn;
  const { record } = job;
  if (state.parked.has(record.job)) return { type: "parked", untilMs: record.parked?.untilMs ?? null };
  const position = state.queue.indexOf(job);
  if (position >= 0) {
    const ahead = state.queue[position - 1]?.record.job ?? null;
    return { type: "queued", position: position + 1, ahead, seat: record.seat };
  }
  const number = record.seat;
  const seat = number === null ? undefined : state.seats.get(number);
  if (number === null || seat === undefined)
    return { type: "seatAbsent", failures: 0, inMs: 0, damage: null };
  if (seat.type === "absent") {
    const inMs = Math.max(0, seat.notBeforeMs - clock.monoMs);
    return { type: "seatAbsent", failures: seat.failures, inMs, damage: seat.damage };
  }
  return seat.type === "ready" ? { type: "seated", seat: number } : { type: "seatStarting" };
}
