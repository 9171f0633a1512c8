/** The completion of fish: one line for each thing that can be completed. */
import { assertNever } from "../../../protocol/errors.ts";
import { type CommandNode, JOBS_COMMAND, type Values } from "./tree.ts";

export function fishScript(nodes: readonly CommandNode[]): string {
  const paths = nodes.map(({ path }) => path).filter((path) => path !== "");
  return `# qrew completion for fish: qrew completion fish > ~/.config/fish/completions/qrew.fish
function __qrew_at
    set -l path
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$path $word")
        contains -- $next ${paths.map(quoted).join(" ")}; and set path $next
    end
    test "$path" = "$argv[1]"
end
complete -c qrew -f
${nodes.flatMap(nodeLines).join("\n")}
`;
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function nodeLines({ path, subcommands, options, argument }: CommandNode): readonly string[] {
  const at = `complete -c qrew -n ${quoted(`__qrew_at ${quoted(path)}`)}`;
  const commands = subcommands.map(({ name, description }) => `${at} -a ${name} -d ${quoted(description)}`);
  const flags = options.map(({ long, short, description, value }) => {
    const names = `-l ${long.slice(2)}${short === null ? "" : ` -s ${short.slice(1)}`}`;
    return `${at} ${names} -d ${quoted(description)}${value === null ? "" : ` -x${offer(value)}`}`;
  });
  const argumentText = subcommands.length > 0 ? "" : offer(argument);
  return [...commands, ...flags, ...(argumentText === "" ? [] : [`${at}${argumentText}`])];
}

function offer(values: Values): string {
  switch (values.type) {
    case "files":
      return " -a '(__fish_complete_path (commandline -ct))'";
    case "folders":
      return " -a '(__fish_complete_directories)'";
    case "jobs":
      return ` -a ${quoted(`last all (${JOBS_COMMAND})`)}`;
    case "words":
      return ` -a ${quoted(values.words.join(" "))}`;
    case "free":
      return "";
    default:
      return assertNever(values);
  }
}
