/** Points in time as sentences have them. */

/** `14:03:07`, with the day where that is not today. */
export function formatTime(atMs: number): string {
  const at = new Date(atMs);
  const time = at.toTimeString().slice(0, 8);
  if (at.toDateString() === new Date().toDateString()) return time;
  const pad = (value: number): string => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${time}`;
}

/** `in 59m`, `2h ago`: as long as the largest unit of which there is one. */
export function formatIn(durationMs: number): string {
  const seconds = Math.round(Math.abs(durationMs) / 1000);
  const text =
    seconds < 120
      ? `${seconds}s`
      : seconds < 7200
        ? `${Math.round(seconds / 60)}m`
        : seconds < 172_800
          ? `${Math.round(seconds / 3600)}h`
          : `${Math.round(seconds / 86_400)}d`;
  return durationMs < 0 ? `${text} ago` : `in ${text}`;
}
