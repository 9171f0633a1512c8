/** `qrew doctor`: what this machine has for qrew, what is missing, and how to get it. */
import { assertNever } from "../../../protocol/errors.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { examine } from "../doctor/examine.ts";
import type { Finding } from "../doctor/findings.ts";
import { jsonDocument } from "../json.ts";
import { paintLine, type Span, span } from "../view/style.ts";
import { padEnd, plural, printable } from "../view/text.ts";

export interface DoctorFlags {
  readonly json?: boolean;
}

/** 1 if something keeps qrew from working; what is only less good than it could be is 0. */
export async function doctor({ terminal }: CommandContext, flags: DoctorFlags): Promise<ExitCode> {
  const findings = await examine();
  const faults = findings.filter(({ level }) => level === "fault").length;
  if (flags.json === true) {
    await terminal.line(jsonDocument({ ok: faults === 0, findings }));
    return faults === 0 ? 0 : 1;
  }
  const width = Math.max(...findings.map(({ topic }) => topic.length));
  // Advice is wrapped by the terminal rather than cut.
  const style = { ...terminal.style, columns: Number.POSITIVE_INFINITY };
  for (const finding of findings) {
    await terminal.line(
      paintLine(
        [levelSpan(finding), span(` ${padEnd(finding.topic, width)}  ${printable(finding.text)}`)],
        style,
      ),
    );
    if (finding.advice !== null)
      await terminal.line(paintLine([span(`${" ".repeat(width + 10)}→ ${finding.advice}`, "quiet")], style));
  }
  const warnings = findings.filter(({ level }) => level === "warning").length;
  await terminal.line(
    faults > 0
      ? `${plural(faults, "thing")} to mend`
      : warnings > 0
        ? `qrew works here; ${plural(warnings, "thing")} could be better`
        : "everything is there",
  );
  return faults === 0 ? 0 : 1;
}

function levelSpan({ level }: Finding): Span {
  switch (level) {
    case "good":
      return span("ok     ", "good");
    case "warning":
      return span("warning", "busy");
    case "fault":
      return span("missing", "bad");
    default:
      return assertNever(level);
  }
}
