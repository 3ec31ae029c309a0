/** Records on disk as JSON lines: what a run is judged by. A half-written last line is no record. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";

export function appendLine(file: string, record: unknown): void {
  appendFileSync(file, `${JSON.stringify(record)}\n`);
}

/** In the order of writing. @param parse null for a line that is no record */
export function readLines<Item>(file: string, parse: (value: unknown) => Item | null): Item[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return line === "" ? [] : (parse(JSON.parse(line)) ?? []);
      } catch {
        return [];
      }
    });
}
