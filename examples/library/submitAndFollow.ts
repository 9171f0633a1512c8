/**
 * Submits a workflow, follows it, and reads what its tasks wrote.
 *
 *     npx tsx examples/library/submitAndFollow.ts
 */
import { connect } from "../../src/client/index.ts";

const workflow = {
  name: "squares",
  tasks: [
    { name: "square", foreach: { i: { range: [1, 5] } }, command: "echo $(({{i}} * {{i}}))" },
    { name: "fails", command: "echo no luck >&2; exit 3", depends: "square" },
  ],
};

const client = await connect();
try {
  const document = Buffer.from(JSON.stringify(workflow));
  const { job, tasks } = await client.submit(document, { source: "squares.json" });
  process.stdout.write(`job ${job} has ${tasks} tasks\n`);
  // The present state first, then each change, until the job has ended.
  for await (const { summary } of client.follow([job])) {
    process.stderr.write(
      `${summary.state}: ${summary.tasks.succeeded} of ${summary.tasks.total} succeeded\n`,
    );
  }
  // A task that fails is data, not an exception.
  for (const task of client.tasks(job)) {
    const output: Uint8Array[] = [];
    for await (const piece of client.logs(job, task.task)) output.push(piece);
    const text = Buffer.concat(output).toString().trim();
    process.stdout.write(`${task.name} ${task.state} ${task.reason ?? text}\n`);
  }
} finally {
  await client.close();
}
