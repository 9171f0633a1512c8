/**
 * Reads the output of a job while it runs, and cancels the job when it has seen enough: output and changes are async
 * iterators, and an AbortSignal ends them.
 *
 *     npx tsx examples/library/cancelAfterFirstLine.ts
 */
import { connect } from "../../src/client/index.ts";

const client = await connect();
const deadline = AbortSignal.timeout(60_000);
try {
  const command = "i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.2; done";
  const document = Buffer.from(JSON.stringify({ name: "endless", tasks: [{ name: "endless", command }] }));
  const { job } = await client.submit(document, { source: "endless.json" });
  for await (const { name, stream, bytes } of client.followLogs(job, { signal: deadline })) {
    const [first] = Buffer.from(bytes).toString().split("\n");
    process.stdout.write(`${name} wrote to ${stream}: ${first}\n`);
    break;
  }
  await client.cancel([job]);
  const { state, tasks } = await client.wait(job, deadline);
  process.stdout.write(`${state}, ${tasks.cancelled} task cancelled\n`);
} finally {
  await client.close();
}
