import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

const IMPORT = /(?:^|\n)(?:import|export)\s[^;]*?from\s+"([^"]+)"/g;

/** Every package that a module pulls in, itself or through others. */
function packagesOf(entry: string): ReadonlySet<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file) || !existsSync(file)) return;
    seen.add(file);
    for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(IMPORT)) {
      if (specifier.startsWith(".")) visit(path.resolve(path.dirname(file), specifier));
      else packages.add(specifier);
    }
  };
  visit(path.resolve(entry));
  return packages;
}

it("a provider is part of the bundle only where a config imports it", () => {
  expect(packagesOf("src/models/anthropic.ts")).toContain("@ai-sdk/anthropic");
  expect(packagesOf("src/models/google.ts")).toContain("@ai-sdk/google");
  expect(packagesOf("src/index.ts")).toContain("@ai-sdk/openai-compatible");
  for (const entry of ["src/index.ts", "src/worker.ts"]) {
    const packages = packagesOf(entry);
    expect(packages).not.toContain("@ai-sdk/anthropic");
    expect(packages).not.toContain("@ai-sdk/google");
  }
});
