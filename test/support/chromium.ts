/** The browser of the browser tests: the machine's own Chromium, driven by playwright-core. Nothing is downloaded. */
import { accessSync, constants } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const PATHS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const MISSING = `These tests need Chromium, and none was found (looked at ${PATHS.join(", ")}).
Install it (Debian, Ubuntu: apt-get install chromium) or name one: CHROMIUM_PATH=/path/to/chromium npm run test:browser`;

/** @throws Error that says what to install */
export function launchChromium(): Promise<Browser> {
  const executablePath = [process.env["CHROMIUM_PATH"] ?? "", ...PATHS].find(isExecutable);
  if (executablePath === undefined) throw new Error(MISSING);
  // Without a sandbox of its own, because containers run as root; with nothing that calls home.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
  const quiet = ["--disable-background-networking", "--disable-component-update"];
  return chromium.launch({ executablePath, args: [...args, ...quiet] });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== "";
  } catch {
    return false;
  }
}
