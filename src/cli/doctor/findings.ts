/** What `qrew doctor` finds: each a sentence, and what to do where something is missing. */

export type FindingLevel = "good" | "warning" | "fault";

export interface Finding {
  /** One word: what was looked at. */
  readonly topic: string;
  readonly level: FindingLevel;
  readonly text: string;
  /** What to do; null where nothing is to be done. */
  readonly advice: string | null;
}

export const good = (topic: string, text: string): Finding => ({ topic, level: "good", text, advice: null });
export const warning = (topic: string, text: string, advice: string): Finding => ({
  topic,
  level: "warning",
  text,
  advice,
});
export const fault = (topic: string, text: string, advice: string): Finding => ({
  topic,
  level: "fault",
  text,
  advice,
});
