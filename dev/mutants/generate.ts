/** All mutants of a target: the mechanical ones by rule, and the named ones. */
import { readFileSync } from "node:fs";
import { mutantOf, withUniqueIds, type Edit, type Mutant, type SourceFile } from "./mutant.ts";
import { NAMED_MUTANTS } from "./named.ts";
import type { NamedMutant } from "./named/fault.ts";
import { RULES } from "./rules.ts";
import { isParsable, parse, walk } from "./syntax.ts";
import { sourcesOf, type TargetName } from "./targets.ts";

export function generateMutants(target: TargetName): Mutant[] {
  return sourcesOf(target).flatMap((file) => {
    const source = { target, file, text: readFileSync(file, "utf8") };
    const mutants = editsOf(source.text).map((edit) => mutantOf(source, edit, null));
    return withUniqueIds(mutants.filter((mutant) => isParsable(applyEdit(source.text, mutant))));
  });
}

/** @throws when a named mutant no longer fits its file: it has to be told again in the file's new words */
export function namedMutants(target: TargetName): Mutant[] {
  const problems = NAMED_MUTANTS.flatMap((named) => (named.target === target ? misfitOf(named) : []));
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return NAMED_MUTANTS.filter((named) => named.target === target).map((named) => {
    const source: SourceFile = { target, file: named.file, text: readFileSync(named.file, "utf8") };
    const mutant = mutantOf(source, locate(source, named), named.promise, named.id);
    if (!isParsable(applyEdit(source.text, mutant))) throw new Error(`${named.id} makes no valid program`);
    return mutant;
  });
}

function editsOf(text: string): Edit[] {
  const edits: Edit[] = [];
  walk(parse(text), (node, parents) => {
    for (const rule of RULES) edits.push(...rule(node, text, parents));
  });
  return edits;
}

function locate({ text }: SourceFile, { find, replace }: NamedMutant): Edit {
  const start = text.indexOf(find);
  return { rule: "named", start, end: start + find.length, replacement: replace };
}

function misfitOf({ id, file, find }: NamedMutant): string[] {
  const count = readFileSync(file, "utf8").split(find).length - 1;
  return count === 1 ? [] : [`${id}: its text is in ${file} ${count} times: ${JSON.stringify(find)}`];
}

function applyEdit(text: string, edit: Edit): string {
  return text.slice(0, edit.start) + edit.replacement + text.slice(edit.end);
}
