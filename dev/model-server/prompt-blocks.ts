/**
 * Splits a user message into its fenced blocks: the gateway's own `BEGIN fence (label)` … `END fence`, where
 * nothing inside can close the block, or what other prompts use. Text without any fence is one block.
 */

export interface Block {
  /** Empty for text outside a fence. */
  readonly label: string;
  readonly text: string;
}

const MAX_MARKER_CHARACTERS = 160;

/** The gateway's fence: the same random-looking word opens and closes. */
const GATEWAY_BLOCK = /^BEGIN (\S+)(?: \(([^\n,)]*)[^\n]*\))?\n([\s\S]*?)\n?^END \1$/gm;

export function readBlocks(text: string): readonly Block[] {
  const fenced = [...text.matchAll(GATEWAY_BLOCK)].map(([, , label = "", content = ""]): Block => ({
    label,
    text: content.trim(),
  }));
  return fenced.length > 0 ? fenced.filter((block) => block.text !== "") : readOtherBlocks(text);
}

function readOtherBlocks(text: string): readonly Block[] {
  const blocks: Block[] = [];
  let label = "";
  let lines: string[] = [];
  let isFenced = false;
  const flush = (nextLabel: string): void => {
    const blockText = lines.join("\n").trim();
    if (blockText !== "") blocks.push({ label, text: blockText });
    label = nextLabel;
    lines = [];
  };
  for (const line of text.split(/\r?\n/)) {
    const marker = readMarker(line);
    if (marker === null) {
      lines.push(line);
      continue;
    }
    if (marker.isAngle) isFenced = true;
    flush(marker.label);
    if (marker.content !== "") lines.push(marker.content);
    if (marker.closes) flush("");
  }
  flush("");
  // With `<<<` fences, what stands outside them only introduces the data.
  return isFenced && blocks.some((block) => block.label !== "")
    ? blocks.filter((block) => block.label !== "")
    : blocks;
}

interface Marker {
  readonly label: string;
  /** Data on the marker's own line. */
  readonly content: string;
  readonly closes: boolean;
  readonly isAngle: boolean;
}

function readMarker(line: string): Marker | null {
  const trimmed = line.trim();
  const oneLine = /^<<<\s*([\w.-]+)[:\s]\s*(\S.*?)\s*>>>$/.exec(trimmed);
  if (oneLine !== null && !/^(?:END|\/)/i.test(trimmed.slice(3))) {
    return { label: oneLine[1] ?? "", content: oneLine[2] ?? "", closes: true, isAngle: true };
  }
  if (trimmed.length > MAX_MARKER_CHARACTERS) return null;
  if (trimmed.startsWith("<<<") || trimmed.endsWith(">>>")) {
    const closes = !trimmed.startsWith("<<<") || /^<<<\s*(?:END\b|\/)/i.test(trimmed);
    return { label: closes ? "" : labelIn(trimmed), content: "", closes, isAngle: true };
  }
  const tag = /^<(\/?)([A-Za-z][\w.-]*)((?:\s[^<>]*)?)>$/.exec(trimmed);
  if (tag !== null) {
    const closes = tag[1] === "/";
    return { label: closes ? "" : labelIn(`${tag[2]} ${tag[3]}`), content: "", closes, isAngle: false };
  }
  const code = /^(?:```|~~~)\s*([\w.-]*)$/.exec(trimmed);
  if (code !== null) return { label: code[1] ?? "", content: "", closes: code[1] === "", isAngle: false };
  return null;
}

/** `label="x"` wins; else the first word that is neither a keyword of fencing nor a nonce. */
function labelIn(marker: string): string {
  const named = /(?:label|name|id)\s*=\s*["']?([\w.-]+)/i.exec(marker);
  if (named?.[1] !== undefined) return named[1];
  const candidates = marker.match(/[\p{L}][\w.-]*/gu) ?? [];
  const isNonce = (word: string): boolean => /^[0-9a-f-]{8,}$/i.test(word) && /\d/.test(word);
  return (
    candidates.find((word) => !/^(?:begin|end|data|untrusted|input|label)$/i.test(word) && !isNonce(word)) ??
    "data"
  );
}
