/**
 * Amounts of a node's resources as they travel: integers, so that sums never drift. Cpus, gpus and named resources in
 * thousandths, memory in bytes. A vector says what a task needs, what a loan allows, or what a node has.
 */
import * as v from "valibot";

export interface Resources {
  readonly cpusMilli: number;
  readonly memoryBytes: number;
  readonly gpusMilli: number;
  /** Named resources (licences, scratch slots): name to thousandths. */
  readonly named: Readonly<Record<string, number>>;
}

export const amountSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

export const resourcesSchema: v.GenericSchema<unknown, Resources> = v.strictObject({
  cpusMilli: amountSchema,
  memoryBytes: amountSchema,
  gpusMilli: amountSchema,
  named: v.record(v.pipe(v.string(), v.maxLength(64)), amountSchema),
});
