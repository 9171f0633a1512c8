/** The completion of bash. It finds the command among the words, then offers what may follow. */
import { assertNever } from "../../../protocol/errors.ts";
import { type CommandNode, JOBS_COMMAND, type Values } from "./tree.ts";

export function bashScript(nodes: readonly CommandNode[]): string {
  const paths = nodes.map(({ path }) => path).filter((path) => path !== "");
  return `# qrew completion for bash: put \`source <(qrew completion bash)\` into ~/.bashrc
_qrew_words() { COMPREPLY=($(compgen -W "$1" -- "$current")); }
_qrew_files() { compopt -o filenames; COMPREPLY=($(compgen "$1" -- "$current")); }
_qrew_jobs() { _qrew_words "last all $(${JOBS_COMMAND})"; }
_qrew() {
  local IFS=$' \\t\\n' current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path= word index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ $word == -- ]]; then IFS=$'\\n' _qrew_files -f; return; fi
    case "\${path:+$path }$word" in
      ${paths.map((path) => `"${path}"`).join(" | ")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path $previous" in
${nodes.flatMap(valueCases).join("\n")}
  esac
  case $path in
${nodes.map(pathCase).join("\n")}
  esac
}
complete -F _qrew qrew
`;
}

function valueCases({ path, options }: CommandNode): readonly string[] {
  return options.flatMap(({ long, short, value }) => {
    if (value === null) return [];
    const names = short === null ? [long] : [long, short];
    return [`    ${names.map((name) => `"${path} ${name}"`).join(" | ")}) ${offer(value)}; return ;;`];
  });
}

function pathCase({ path, subcommands, options, argument }: CommandNode): string {
  const names = options.map(({ long }) => long).join(" ");
  const others =
    subcommands.length > 0
      ? `_qrew_words "${subcommands.map(({ name }) => name).join(" ")}"`
      : offer(argument);
  return `    "${path}") if [[ $current == -* ]]; then _qrew_words "${names}"; else ${others}; fi ;;`;
}

function offer(values: Values): string {
  switch (values.type) {
    case "files":
      return "IFS=$'\\n' _qrew_files -f";
    case "folders":
      return "IFS=$'\\n' _qrew_files -d";
    case "jobs":
      return "_qrew_jobs";
    case "words":
      return `_qrew_words "${values.words.join(" ")}"`;
    case "free":
      return ":";
    default:
      return assertNever(values);
  }
}
