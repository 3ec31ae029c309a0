/** Files of the package itself, wherever it is installed. */
import { existsSync } from "node:fs";
import path from "node:path";

/** The package's folder: the nearest one above this module that has a `package.json`. */
function packageFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, "package.json"))) folder = path.dirname(folder);
  return folder;
}

/** @param name a path inside the package, as in `examples/minimal` */
export function packageFile(name: string): string {
  return path.join(packageFolder(), name);
}
