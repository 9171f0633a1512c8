/** Commands about the installation and qrew itself: `doctor`, `config`, `completion`, `help`. */
import type { Command } from "commander";
import type { ConfigFlags } from "../commands/config.ts";
import type { DoctorFlags } from "../commands/doctor.ts";
import { declare, type Surroundings } from "./declare.ts";

export function declareSetup(program: Command, { context, finish }: Surroundings): void {
  declare(program, "doctor", "look at this machine: what is missing, and how to get it", [
    "qrew doctor",
  ]).action(async (flags: DoctorFlags) => {
    const { doctor } = await import("../commands/doctor.ts");
    await finish(doctor(context, flags));
  });
  declareConfig(program, { context, finish });
  program
    .command("completion <shell>")
    .description("print a script that completes commands in bash, zsh or fish")
    .addHelpText(
      "after",
      "\nExamples:\n  source <(qrew completion bash)\n  qrew completion fish > ~/.config/fish/completions/qrew.fish",
    )
    .action(async (shell: string) => {
      const { completion } = await import("../commands/completion.ts");
      await finish(completion(context, program, shell));
    });
  program
    .command("help [topic...]")
    .description("tell about a topic or a command; alone it lists them")
    .addHelpText("after", "\nExamples:\n  qrew help selectors\n  qrew help run")
    .action(async (words: readonly string[]) => {
      const { help } = await import("../commands/help.ts");
      await finish(help(context, program, words));
    });
}

function declareConfig(
  program: Command,
  { context, finish }: Pick<Surroundings, "context" | "finish">,
): void {
  const config = program
    .command("config")
    .description("show and change the settings of the state folder")
    .option("--json", "print JSON instead of text")
    .addHelpText(
      "after",
      "\nAlone it lists them. An option goes before a setting.\n\nExample:\n  qrew config set daemon.cpus 4",
    )
    .helpCommand(false)
    .action(async (flags: ConfigFlags) => {
      const { configShow } = await import("../commands/config.ts");
      await finish(configShow(context, flags));
    });
  // Where both declare an option, commander gives it to the upper command, wherever it stands.
  const withOwn = (flags: ConfigFlags): ConfigFlags => ({ ...flags, ...config.opts<ConfigFlags>() });
  declare(config, "show", "list all settings with their values", ["qrew config show"]).action(
    async (flags: ConfigFlags) => {
      const { configShow } = await import("../commands/config.ts");
      await finish(configShow(context, withOwn(flags)));
    },
  );
  declare(config, "get <setting>", "print the value of a setting", ["qrew config get daemon.cpus"]).action(
    async (key: string, flags: ConfigFlags) => {
      const { configGet } = await import("../commands/config.ts");
      await finish(configGet(context, key, withOwn(flags)));
    },
  );
  declare(config, "set <setting> <value>", "change a setting", [
    "qrew config set daemon.cpus 4",
    "qrew config set daemon.resources licence=2,scratch=1",
  ]).action(async (key: string, value: string, flags: ConfigFlags) => {
    const { configSet } = await import("../commands/config.ts");
    await finish(configSet(context, key, value, withOwn(flags)));
  });
  declare(config, "unset <setting>", "take a setting back: what is usual counts again", [
    "qrew config unset daemon.cpus",
  ]).action(async (key: string, flags: ConfigFlags) => {
    const { configUnset } = await import("../commands/config.ts");
    await finish(configUnset(context, key, withOwn(flags)));
  });
}
