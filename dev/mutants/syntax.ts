/** A file's syntax tree, as far as mutation needs it: what runs, without types, imports and log lines. */
import { parseAst } from "vitest/node";

export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export type Visit = (node: SyntaxNode, parents: readonly SyntaxNode[]) => void;

/** @throws when the text is not TypeScript */
export function parse(text: string): SyntaxNode {
  const program: unknown = parseAst(text, { lang: "ts" });
  if (!isNode(program)) throw new Error("the parser's answer is not a syntax node");
  return program;
}

export function isParsable(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Visits every node that runs, parents first. */
export function walk(node: SyntaxNode, visit: Visit, parents: readonly SyntaxNode[] = []): void {
  if (!runs(node)) return;
  visit(node, parents);
  for (const child of childrenOf(node)) walk(child, visit, [...parents, node]);
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return Object.entries(node).flatMap(([key, value]) => {
    if (TYPE_KEYS.has(key)) return [];
    return (Array.isArray(value) ? value : [value]).filter(isNode);
  });
}

const TYPE_KEYS = new Set([
  "typeAnnotation",
  "returnType",
  "typeParameters",
  "typeArguments",
  "superTypeArguments",
]);
/** TypeScript's own nodes that hold an expression. */
const TRANSPARENT = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"]);

function runs(node: SyntaxNode): boolean {
  if (node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration") return false;
  if (node.type.startsWith("TS")) return TRANSPARENT.has(node.type);
  return !isLogCall(node);
}

/** Log lines keep no promise. */
export function isLogCall(node: SyntaxNode): boolean {
  if (node.type !== "CallExpression" || !isNode(node["callee"])) return false;
  const { callee } = node;
  if (nameOf(callee) === "logFailure") return true;
  if (callee.type !== "MemberExpression" || !isNode(callee["object"])) return false;
  const receiver = callee["object"];
  const name = receiver.type === "MemberExpression" ? nameOf(receiver["property"]) : nameOf(receiver);
  return name === "log" || name === "logger";
}

export function isNode(value: unknown): value is SyntaxNode {
  if (typeof value !== "object" || value === null) return false;
  if (!("type" in value && "start" in value && "end" in value)) return false;
  const { type, start, end } = value;
  return typeof type === "string" && typeof start === "number" && typeof end === "number";
}

export function nodeAt(node: SyntaxNode, key: string): SyntaxNode | null {
  const value = node[key];
  return isNode(value) ? value : null;
}

export function nameOf(value: unknown): string | null {
  if (!isNode(value) || value.type !== "Identifier") return null;
  return typeof value["name"] === "string" ? value["name"] : null;
}
