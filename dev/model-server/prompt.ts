/**
 * Reads a prompt the way a model would be told to: system text is the instruction, everything a user
 * message holds is data. Fences around the data (`<<<label … >>>`, `<label> … </label>`, code fences) name
 * it; they are not required. Never takes an instruction from data.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/core/json.ts";
import { readBlocks, type Block } from "./prompt-blocks.ts";
import { findSchemaText } from "./prompt-schema.ts";
import { splitName } from "./text.ts";

export interface ChatMessage {
  readonly role: string;
  readonly text: string;
}

export type FieldValue = string | number | boolean;

export interface ReadPrompt {
  readonly instruction: string;
  /** What to work on, as prose and `name: value` lines. */
  readonly text: string;
  /** Single facts the data states by name; names as snake_case. */
  readonly fieldsByName: ReadonlyMap<string, FieldValue>;
  /** A JSON schema for the answer that was found in the prompt itself. */
  readonly schema: JsonObject | null;
}

const MAX_FIELD_CHARACTERS = 300;
const MAX_LEAVES = 400;
const PROSE_WORDS = 4;
const NAMED_LINE = /^\s*[-*]?\s*(\p{L}[\p{L} _-]{0,30}):\s+(\S.*)$/u;

export function readPrompt(messages: readonly ChatMessage[]): ReadPrompt {
  const isInstruction = (message: ChatMessage): boolean =>
    message.role === "system" || message.role === "developer";
  const system = joinTexts(messages.filter(isInstruction));
  const user = joinTexts(messages.filter((message) => message.role === "user" || message.role === "tool"));
  const inSystem = findSchemaText(system);
  const inUser = inSystem === null ? findSchemaText(user) : null;
  const data = inUser === null ? user : user.replace(inUser.text, "");
  const fieldsByName = new Map<string, FieldValue>();
  const texts = readBlocks(data).map((block) => readBlock(block, fieldsByName));
  return {
    instruction: inSystem === null ? system : system.replace(inSystem.text, ""),
    text: texts.filter((text) => text !== "").join("\n\n"),
    fieldsByName,
    schema: inSystem?.schema ?? inUser?.schema ?? null,
  };
}

function joinTexts(messages: readonly ChatMessage[]): string {
  return messages.map((message) => message.text).join("\n\n");
}

function readBlock(block: Block, fieldsByName: Map<string, FieldValue>): string {
  const json = parseJson(block.text);
  if (json !== undefined) return readLeaves(json, block.label, fieldsByName);
  const rawLines = block.text.split("\n");
  // One line with a colon is a sentence; several are a form.
  const isForm = rawLines.filter((line) => NAMED_LINE.test(line)).length > 1;
  const lines = isForm ? rawLines.map((line) => readLine(line, fieldsByName)) : rawLines;
  addField(fieldsByName, block.label, block.text);
  const isShort = block.label !== "" && block.text.split(/\s+/).length < PROSE_WORDS;
  return isShort ? `${block.label}: ${block.text}` : lines.join("\n");
}

/** A `name: value` line is a sentence of its own, and prose needs no name in front. */
function readLine(line: string, fieldsByName: Map<string, FieldValue>): string {
  const [match, name = "", value = ""] = NAMED_LINE.exec(line) ?? [];
  if (match === undefined) return line;
  addField(fieldsByName, name, value.trim());
  return value.split(/\s+/).length >= PROSE_WORDS ? `\n${value}\n` : `\n${line}\n`;
}

/** Prose stays prose; a bare value gets its name in front, so that sentences can be told from facts. */
function readLeaves(json: JsonValue, label: string, fieldsByName: Map<string, FieldValue>): string {
  const lines: string[] = [];
  const visit = (value: JsonValue, path: readonly string[]): void => {
    if (lines.length >= MAX_LEAVES || value === null) return;
    if (Array.isArray(value)) {
      value.forEach((item: JsonValue) => visit(item, path));
    } else if (isJsonObject(value)) {
      for (const [key, item] of Object.entries(value)) visit(item, [...path, key]);
    } else if (typeof value !== "object") {
      const name = path.at(-1) ?? label;
      addField(fieldsByName, name, value);
      if (path.length > 1) addField(fieldsByName, path.slice(-2).join(" "), value);
      if (isNoise(name, value)) return;
      const isProse = String(value).split(/\s+/).length >= PROSE_WORDS;
      lines.push(isProse ? String(value) : `${splitName(name).join(" ")}: ${value}`);
    }
  };
  visit(json, []);
  return lines.join("\n\n");
}

/** Machine ids and API links say nothing about what a text is about. */
function isNoise(name: string, value: FieldValue): boolean {
  return /(?:^|_)(?:id|ids|sha|url|href|node|secret)$/.test(splitName(name).join("_")) || value === "";
}

function addField(fieldsByName: Map<string, FieldValue>, name: string, value: FieldValue): void {
  const key = splitName(name).join("_");
  const isShort = typeof value !== "string" || value.length <= MAX_FIELD_CHARACTERS;
  if (key !== "" && value !== "" && isShort && !fieldsByName.has(key)) fieldsByName.set(key, value);
}

function parseJson(text: string): JsonValue | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    // JSON.parse yields JSON values and nothing else.
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
