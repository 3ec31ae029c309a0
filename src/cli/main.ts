#!/usr/bin/env node
/** The command `sluice`: which words there are. Each command's work is in a file of its own, loaded when it is called. */
import { Command, Option } from "commander";
import { messageOf } from "../core/result.ts";
import { portOption, version } from "./options.ts";

const program = new Command("sluice")
  .description(
    "Webhook-to-AI gateway on Cloudflare Workers: make a project, run it here, deploy and look after it.",
  )
  .version(await version())
  .showHelpAfterError()
  .showSuggestionAfterError();

program
  .command("init")
  .description("make a new project in a folder of its own")
  .argument("<folder>", "where; it must be empty or not exist")
  .addOption(new Option("--template <name>", "what to begin with").choices(["minimal"]).default("minimal"))
  .action(async (folder: string, options: { readonly template: string }) => {
    const { initProject } = await import("./init.ts");
    await initProject(folder, options.template);
  });

program
  .command("dev")
  .description("run the gateway here, with a stand-in model and a receiver beside it")
  .addOption(portOption("--port <number>", "the gateway's port").default(8_787))
  .addOption(portOption("--model-port <number>", "the stand-in model's; 0 takes a free one").default(8_790))
  .addOption(portOption("--sink-port <number>", "the receiver's; 0 takes a free one").default(8_791))
  .action(
    async (options: { readonly port: number; readonly modelPort: number; readonly sinkPort: number }) => {
      const { runDev } = await import("./dev.ts");
      process.exitCode = await runDev(options);
    },
  );

program
  .command("trigger")
  .description("send a signed sample event; without arguments, list what can be sent")
  .argument("[source]", "a source of the project's config, or a sender such as `stripe`")
  .argument("[type]", "the event's type; default: the first one known")
  .option("--to <url>", "the gateway's address, or the source's whole URL", "http://127.0.0.1:8787")
  .option("--secret <secret>", "what to sign with; default: what `sluice dev` gave the source")
  .option("--id <id>", "the delivery's id; default: a new one")
  .action(
    async (
      source: string | undefined,
      type: string | undefined,
      options: { readonly to: string; readonly secret?: string; readonly id?: string },
    ) => {
      const { trigger } = await import("./trigger.ts");
      process.exitCode = await trigger({ source, type, ...options });
    },
  );

try {
  await program.parseAsync();
} catch (thrown) {
  console.error(messageOf(thrown));
  process.exitCode = 1;
}
