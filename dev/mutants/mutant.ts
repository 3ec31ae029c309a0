/** One small, wrong change to one source file, and what became of it. Never written into the tree. */
import { createHash } from "node:crypto";
import type { TargetName } from "./targets.ts";

/** A replacement of a stretch of a file's text. Offsets count UTF-16 units. */
export interface Edit {
  readonly rule: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

export interface Mutant extends Edit {
  /** By content, so that it stays the same while lines above it come and go. */
  readonly id: string;
  readonly target: TargetName;
  readonly file: string;
  readonly line: number;
  /** The text that the edit replaces: guards against a file that changed meanwhile. */
  readonly expected: string;
  /** The lines around the edit, before and after it, with white space squeezed. */
  readonly before: string;
  readonly after: string;
  /** The promise that a named mutant breaks; null for a generated one. */
  readonly promise: string | null;
}

/** What a child process is told. */
export type MutantOrder = Pick<Mutant, "file" | "start" | "end" | "expected" | "replacement">;

/** What a child process reports about its test run. */
export interface TestReport {
  /** False: no test loaded the mutated file, or its text had changed. */
  readonly applied: boolean;
  readonly passed: number;
  /** Test files that ran. */
  readonly files: number;
  /** Names of failed tests, and errors outside any test. */
  readonly failures: readonly string[];
}

export type Verdict = "killed" | "timed_out" | "survived" | "explained" | "broken";

export interface Outcome {
  readonly mutant: Mutant;
  readonly verdict: Verdict;
  /** The test that killed it, the reason why it is equivalent, or what went wrong. */
  readonly by: string;
}

export interface SourceFile {
  readonly target: TargetName;
  readonly file: string;
  readonly text: string;
}

export function mutantOf(source: SourceFile, edit: Edit, promise: string | null, id?: string): Mutant {
  const { file, text, target } = source;
  const lineStart = text.lastIndexOf("\n", edit.start - 1) + 1;
  const nextLine = text.indexOf("\n", edit.end);
  const lineEnd = nextLine === -1 ? text.length : nextLine;
  const before = squeeze(text.slice(lineStart, lineEnd));
  const after = squeeze(text.slice(lineStart, edit.start) + edit.replacement + text.slice(edit.end, lineEnd));
  return {
    ...edit,
    id: id ?? digest(`${file}\n${edit.rule}\n${before}\n${after}`),
    target,
    file,
    line: text.slice(0, edit.start).split("\n").length,
    expected: text.slice(edit.start, edit.end),
    before,
    after,
    promise,
  };
}

/** Equal changes of equal lines get a number, in the order of the file. */
export function withUniqueIds(mutants: readonly Mutant[]): Mutant[] {
  const seen = new Map<string, number>();
  return mutants.map((mutant) => {
    const count = (seen.get(mutant.id) ?? 0) + 1;
    seen.set(mutant.id, count);
    return count === 1 ? mutant : { ...mutant, id: `${mutant.id}-${count}` };
  });
}

export function squeeze(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
