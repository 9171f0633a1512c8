/** Recorded workflows of WfFormat 1.5, several times side by side, so that a small one keeps a machine busy long enough. */
import * as v from "valibot";

const names = v.array(v.string());

const taskSchema = v.object({
  id: v.string(),
  name: v.string(),
  parents: names,
  children: names,
  outputFiles: v.optional(names, []),
});

const instanceSchema = v.object({
  workflow: v.object({ specification: v.object({ tasks: v.array(taskSchema) }) }),
});

export interface CopiedInstance {
  readonly document: string;
  readonly tasks: number;
  readonly copies: number;
}

/** As many whole copies as make `tasksMin` tasks; the files of copy n lie in the folder `cN`. */
export function copyInstance(text: string, tasksMin: number): CopiedInstance {
  const { tasks } = v.parse(instanceSchema, JSON.parse(text)).workflow.specification;
  const copies = Math.ceil(tasksMin / tasks.length);
  const copied = Array.from({ length: copies }, (_, copy) => {
    const renamed = (name: string): string => `${name}.${copy}`;
    return tasks.map(({ id, name, parents, children, outputFiles }) => ({
      id: renamed(id),
      name: renamed(name),
      parents: parents.map(renamed),
      children: children.map(renamed),
      outputFiles: outputFiles.map((file) => `c${copy}/${file}`),
    }));
  }).flat();
  const specification = { tasks: copied, files: [] };
  const document = {
    name: "copies",
    schemaVersion: "1.5",
    workflow: { specification, execution: { tasks: [] } },
  };
  return { document: JSON.stringify(document), tasks: copied.length, copies };
}
