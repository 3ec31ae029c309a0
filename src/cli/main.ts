#!/usr/bin/env node
/** The command `sluice`: which words there are. Each command's work is in a file of its own, loaded when it is called. */
import { Command, Option } from "commander";
import { messageOf } from "../core/result.ts";
import { portOption, retentionDays, version } from "./options.ts";
import type { SetupOptions } from "./setup/setup.ts";

const SCREEN = { say: (line: string) => console.log(line) };

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

program
  .command("setup")
  .description("make everything a deployment needs, or what of it is missing, and deploy (Workers Paid plan)")
  .option("--env <name>", "an environment of wrangler.toml, such as staging; default: its top level")
  .option("--dry-run", "print the wrangler commands, run none")
  .option("--check-commands", "hold them against the installed wrangler's help, run none")
  .option("--no-deploy", "everything but the Worker and its secrets")
  .addOption(
    new Option("--retention-days <days>", "how long the queues keep a message")
      .default(14)
      .argParser(retentionDays),
  )
  .addOption(
    new Option("--jurisdiction <name>", "where all data has to stay; default: anywhere").choices([
      "eu",
      "us",
      "fedramp",
    ]),
  )
  .option("--secrets <file>", "secrets to set, as NAME=value lines")
  .action(async (options: SetupOptions) => {
    const { setUp } = await import("./setup/setup.ts");
    process.exitCode = await setUp(options, SCREEN);
  });

program
  .command("deploy")
  .description("a new release: the ledger's tables, then the Worker; refused while the config cannot work")
  .option("--env <name>", "an environment of wrangler.toml; default: its top level")
  .action(async (options: { readonly env?: string }) => {
    const { deploy } = await import("./setup/setup.ts");
    process.exitCode = await deploy(options, SCREEN);
  });

program
  .command("smoke")
  .description("ask a deployed gateway whether it answers as it must")
  .requiredOption("--url <url>", "where: https://my-gateway.example.workers.dev")
  .option("--token <token>", "an API token; default: SLUICE_API_TOKEN; without one less is asked")
  .action(async ({ url, token }: { readonly url: string; readonly token?: string }) => {
    const { runSmoke } = await import("./smoke.ts");
    process.exitCode = await runSmoke(url, token);
  });

try {
  await program.parseAsync();
} catch (thrown) {
  console.error(messageOf(thrown));
  process.exitCode = 1;
}
