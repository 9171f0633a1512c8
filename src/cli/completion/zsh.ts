/** The completion of zsh. */
import { assertNever } from "../../../protocol/errors.ts";
import { type CommandNode, JOBS_COMMAND, type OptionNode, type Values } from "./tree.ts";

export function zshScript(nodes: readonly CommandNode[]): string {
  return `#compdef qrew
# qrew completion for zsh: put \`source <(qrew completion zsh)\` into ~/.zshrc, after compinit
_qrew_jobs() { compadd -- last all $(${JOBS_COMMAND}); }
_qrew() {
  local qpath= word previous=\${words[CURRENT-1]}
  for word in \${words[2,CURRENT-1]}; do
    if [[ $word == -- ]]; then _files; return; fi
    case "\${qpath:+$qpath }$word" in
      ${nodes.flatMap(({ path }) => (path === "" ? [] : [`(${quoted(path)})`])).join("|")}) qpath="\${qpath:+$qpath }$word" ;;
    esac
  done
  case "$qpath $previous" in
${nodes.flatMap(valueCases).join("\n")}
  esac
  local -a offered
  case $qpath in
${nodes.map(pathCase).join("\n")}
  esac
}
compdef _qrew qrew
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function valueCases({ path, options }: CommandNode): readonly string[] {
  return options.flatMap(({ long, short, value }) => {
    if (value === null) return [];
    const names = short === null ? [long] : [long, short];
    return [
      `    ${names.map((name) => `(${quoted(`${path} ${name}`)})`).join("|")}) ${offer(value)}; return ;;`,
    ];
  });
}

function pathCase({ path, subcommands, options, argument }: CommandNode): string {
  const described = (name: string, text: string): string => quoted(`${name.replaceAll(":", "\\:")}:${text}`);
  const names = options.map(({ long, description }: OptionNode) => described(long, description)).join(" ");
  const commands = subcommands.map(({ name, description }) => described(name, description)).join(" ");
  const others =
    subcommands.length > 0 ? `offered=(${commands}); _describe command offered` : offer(argument);
  return `    (${quoted(path)}) if [[ $PREFIX == -* ]]; then offered=(${names}); _describe option offered; else ${others}; fi ;;`;
}

function offer(values: Values): string {
  switch (values.type) {
    case "files":
      return "_files";
    case "folders":
      return "_files -/";
    case "jobs":
      return "_qrew_jobs";
    case "words":
      return `compadd -- ${values.words.join(" ")}`;
    case "free":
      return ":";
    default:
      return assertNever(values);
  }
}
