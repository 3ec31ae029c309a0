/**
 * Server-sent events as text (https://html.spec.whatwg.org/multipage/server-sent-events.html). Pure. What it
 * writes reads back as exactly the event that went in, whatever line ends the data holds.
 */

export interface ServerSentEvent {
  readonly event?: string;
  readonly id?: string;
  readonly data: string;
  /** How long the client is to wait before it reconnects. */
  readonly retryMs?: number;
}

const LINE_END = /\r\n|\r|\n/;
/** A line end would begin a new field; NUL makes a client ignore the whole `id`. */
// oxlint-disable-next-line no-control-regex
const NOT_IN_A_FIELD = /[\r\n\0]/g;

/** Several data lines come back joined with LF: a CR in the data is the one thing the format cannot carry. */
export function encodeEvent({ event, id, data, retryMs }: ServerSentEvent): string {
  const head = [
    ...(retryMs === undefined ? [] : [`retry: ${Math.max(0, Math.round(retryMs))}`]),
    ...(id === undefined ? [] : [`id: ${id.replace(NOT_IN_A_FIELD, "")}`]),
    ...(event === undefined ? [] : [`event: ${event.replace(NOT_IN_A_FIELD, "")}`]),
  ];
  const body = data.split(LINE_END).map((line) => `data: ${line}`);
  return `${[...head, ...body].join("\n")}\n\n`;
}

/** A comment: proof of life that no client sees as an event. */
export function encodeComment(text: string): string {
  return `${text
    .split(LINE_END)
    .map((line) => `: ${line}`)
    .join("\n")}\n\n`;
}
