/** What `qrew daemon status` says. */
import type { DaemonReport } from "../../../protocol/clientLink.ts";
import { formatResources } from "../../node/resources.ts";
import { paintLine, type Span, type Style, span } from "./style.ts";
import { type Column, layOut, type Row, tableHead, tableRow } from "./table.ts";
import { formatNumber, plural } from "./text.ts";
import { formatDuration } from "./time.ts";

const COLUMNS: readonly Column[] = [
  { title: "ROLE", align: "left", shrinksTo: 0, leaves: 0 },
  { title: "SEAT", align: "right", shrinksTo: 0, leaves: 0 },
  { title: "PID", align: "right", shrinksTo: 0, leaves: 0 },
  { title: "DOES", align: "left", shrinksTo: 8, leaves: 0 },
];

export function daemonView(
  report: DaemonReport,
  folder: string,
  nowMs: number,
  style: Style,
): readonly string[] {
  const { jobs } = report;
  const lines: (readonly Span[])[] = [
    [span("daemon ", "strong"), span(`qrew ${report.packageVersion}, ${kindText(report)}`)],
    [span(`  up        ${formatDuration(nowMs - report.startedAtMs)}, state in ${folder}`)],
    [span(`  jobs      ${formatNumber(jobs.running)} running, ${formatNumber(jobs.queued)} queued`)],
    [span(`  node      ${formatResources(report.capacity)}`)],
    [span(`  lent      ${formatResources(report.lent)}`)],
  ];
  const refused = Object.entries(report.refusedFrames).map(
    ([fault, count]) => `${formatNumber(count)} ${fault}`,
  );
  if (refused.length > 0) lines.push([span(`  refused   ${refused.join(", ")} frames`, "bad")]);
  const rows = report.processes.map(processRow);
  const layout = layOut(COLUMNS, rows, style.columns);
  return [
    ...lines.map((line) => paintLine(line, style)),
    "",
    tableHead(layout, style),
    ...rows.map((row) => tableRow(layout, row, style)),
  ];
}

function kindText(report: DaemonReport): string {
  if (report.draining) return "stopping when running tasks have ended";
  return report.transient ? "leaves when idle" : "stays until it is stopped";
}

function processRow({ role, seat, pid, forkserver }: DaemonReport["processes"][number]): Row {
  const does =
    forkserver === null
      ? ""
      : `${plural(forkserver.runningAttempts, "attempt")} on ${cpusText(forkserver.runningCpusMilli)}, ` +
        `${formatNumber(forkserver.queuedAttempts)} queued, ${formatNumber(forkserver.heldAttempts)} held (${forkserver.flavour})`;
  return [span(role), span(seat === null ? "" : String(seat)), span(String(pid)), span(does, "quiet")];
}

const cpusText = (milli: number): string => `${milli / 1000} ${milli === 1000 ? "cpu" : "cpus"}`;
