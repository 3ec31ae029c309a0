/**
 * `sluice init <folder>`: copies a template and gives it the folder's name. Never writes into a folder that has something
 * in it.
 */
import { cp, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { packageFile } from "./package-file.ts";
import { version } from "./options.ts";

/** As the template has it. Cloudflare's resources are named after the Worker, so each project needs a name of its own. */
const TEMPLATE_NAME = "sluice-minimal";
/** A Worker's name: https://developers.cloudflare.com/workers/wrangler/configuration/. Shorter, because queues put a word behind it. */
const NAME = /^[a-z][a-z0-9-]{0,39}$/;

/**
 * @param folder is made if it is not there
 * @throws Error when the folder has something in it, or its name cannot be a Worker's
 */
export async function initProject(folder: string, template: string): Promise<void> {
  const target = path.resolve(folder);
  const name = path.basename(target);
  if (!NAME.test(name)) {
    throw new Error(
      `"${name}" cannot be a Worker's name. Use lower-case letters, digits and hyphens, a letter first, at most 40.`,
    );
  }
  await mkdir(target, { recursive: true });
  if ((await readdir(target)).length > 0)
    throw new Error(`${folder} has something in it. Name an empty folder.`);
  await cp(packageFile(`examples/${template}`), target, { recursive: true });
  // npm leaves out every .gitignore when it packs: the template has it without its dot.
  await rename(path.join(target, "gitignore"), path.join(target, ".gitignore"));
  for (const file of ["package.json", "wrangler.toml", "README.md"]) {
    await replaceIn(path.join(target, file), TEMPLATE_NAME, name);
  }
  await replaceIn(path.join(target, "package.json"), '"sluice": "*"', `"sluice": "${await version()}"`);
  console.log(`Made ${folder}. Next:\n\n  cd ${folder}\n  npm install\n  npm run dev\n`);
}

async function replaceIn(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replaceAll(from, to));
}
