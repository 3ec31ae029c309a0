/**
 * A deployer's way, from the packed tarball alone: a new project, its own test, its types, a signed event delivered, the
 * build of its Worker; then another config with four other senders. Everything is installed from the registry.
 */
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deliveryAt, edit, emptyFolder, inFolder, pack, startDev } from "./project.ts";

const NAME = "my-gateway";
let home: string;
let project: string;
let tarball: string;

beforeAll(async () => {
  home = await emptyFolder();
  tarball = await pack(home);
  // As `npx sluice init` does: the package somewhere, its command run once.
  await inFolder(home, "npm", ["install", "--no-audit", "--no-fund", "--prefix", "maker", tarball]);
  await inFolder(home, path.join(home, "maker/node_modules/.bin/sluice"), ["init", NAME]);
  project = path.join(home, NAME);
  await inFolder(project, "npm", ["install", "--no-audit", "--no-fund", tarball]);
});

afterAll(() => rm(home, { recursive: true, force: true }));

describe("a new project", () => {
  it("passes its own test", async () => {
    expect(await inFolder(project, "npm", ["test"])).toMatch(/pass 1/);
  });

  it("has the right types, with its bindings as wrangler reads them", async () => {
    await inFolder(project, "npm", ["run", "check"]);
  });

  it("builds its Worker", async () => {
    expect(await inFolder(project, "npm", ["run", "deploy:check"])).toContain("env.PARTITION");
  });

  it("delivers a signed sample of its source, asked of the stand-in model", async () => {
    const dev = await startDev(project);
    try {
      expect(dev.output()).toMatch(/model +fast +http:\/\/127\.0\.0\.1:\d+\/v1 +\(stand-in\)/);
      const sent = await inFolder(project, "npm", ["run", "trigger", "--", "inbox", "--to", dev.url]);
      expect(sent).toContain('"status":"queued"');
      const delivery = await deliveryAt(dev, "/app");
      expect(delivery).toMatchObject({
        signatureValid: true,
        status: 200,
        body: { type: "message.triaged" },
      });
    } finally {
      await dev.close();
    }
  });
});

describe("a project with a config of its own", () => {
  it("takes the events of four other senders and delivers them", async () => {
    await writeFile(path.join(project, "src/gateway.config.ts"), FOUR_SENDERS);
    await inFolder(project, "npm", ["run", "check"]);
    const dev = await startDev(project);
    try {
      for (const source of ["shop", "chat", "code", "calls"]) {
        const sent = await inFolder(project, "npm", ["run", "trigger", "--", source, "--to", dev.url]);
        expect(sent).toContain('"status":"queued"');
        expect(await deliveryAt(dev, `/${source}-app`)).toMatchObject({ signatureValid: true, status: 200 });
      }
    } finally {
      await dev.close();
    }
  });

  it("gives .dev.vars the last word, and says so at the start", async () => {
    await writeFile(path.join(project, ".dev.vars"), "SHOP_URL=http://127.0.0.1:9/elsewhere\n");
    const dev = await startDev(project);
    try {
      expect(dev.output()).toMatch(
        /destination +shop-app +http:\/\/127\.0\.0\.1:9\/elsewhere +\(\.dev\.vars\)/,
      );
      expect(dev.output()).toContain(".dev.vars sets SHOP_URL");
    } finally {
      await dev.close();
    }
  });

  it("is told in one line what is wrong with it", async () => {
    await edit(path.join(project, "src/gateway.config.ts"), (text) =>
      text.replace("copy-${name}", "Copy ${name}"),
    );
    await expect(startDev(project)).rejects.toThrow(/pipelines\.Copy shop/);
  });
});

const FOUR_SENDERS = `
import { defineGateway, definePipeline, defineSource, github, httpDestination, shopify, slack, twilio } from "sluice";
import * as z from "zod";

const anything = z.json();
const copyTo = (name: string, destination: string) =>
  definePipeline({ name, input: anything, format: ({ input }) => ({ body: input }), deliver: [destination] });
const source = (verify: ReturnType<typeof shopify>, type: string, name: string) =>
  defineSource({
    verify,
    events: { [type]: anything },
    partitionBy: () => null,
    routes: (route) => [route("*", copyTo(\`copy-\${name}\`, \`\${name}-app\`))],
  });
const destination = (variable: string) => httpDestination({ url: { variable }, secret: "DELIVERY_SECRET" });

export default defineGateway({
  sources: {
    shop: source(shopify({ secrets: ["SHOP_SECRET"] }), "orders/create", "shop"),
    chat: source(slack({ secrets: ["CHAT_SECRET"] }), "message", "chat"),
    code: source(github({ secrets: ["CODE_SECRET"] }), "issues.opened", "code"),
    calls: source(twilio({ secrets: ["CALLS_SECRET"] }), "delivered", "calls"),
  },
  models: {},
  destinations: {
    "shop-app": destination("SHOP_URL"),
    "chat-app": destination("CHAT_URL"),
    "code-app": destination("CODE_URL"),
    "calls-app": destination("CALLS_URL"),
  },
});
`;
