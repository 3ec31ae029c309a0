/**
 * `/__control/*`, the same for the model server and the sink: arm and clear faults, read and clear what
 * was recorded. For tests and the demo only; neither server is meant to be reachable by anyone else.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import * as z from "zod";
import { pathOf, readBody, sendJson } from "./http-server.ts";
import { DEV_LIMITS } from "./limits.ts";
import type { FaultBook } from "./fault-book.ts";
import type { RecordBook } from "./record-book.ts";

export const CONTROL_PREFIX = "/__control/";

export interface ControlOptions<Fault, Entry extends { readonly id: string }> {
  readonly faultSchema: z.ZodType<Fault>;
  readonly faults: FaultBook<Fault>;
  /** The path's last part and the answer's key, such as `calls`. */
  readonly recordsName: string;
  readonly records: RecordBook<Entry>;
}

export async function handleControl<Fault, Entry extends { readonly id: string }>(
  request: IncomingMessage,
  response: ServerResponse,
  options: ControlOptions<Fault, Entry>,
): Promise<void> {
  switch (`${request.method} ${pathOf(request).slice(CONTROL_PREFIX.length)}`) {
    case "GET faults":
      return sendJson(response, 200, { faults: options.faults.list() });
    case "POST faults":
      return armFault(request, response, options);
    case "DELETE faults":
      options.faults.clear();
      return sendJson(response, 200, { cleared: true });
    case `GET ${options.recordsName}`:
      return sendJson(response, 200, {
        [options.recordsName]: options.records.entries(),
        dropped: options.records.dropped(),
      });
    case `DELETE ${options.recordsName}`:
      options.records.clear();
      return sendJson(response, 200, { cleared: true });
    default:
      return sendJson(response, 404, { error: { message: "no such control" } });
  }
}

async function armFault<Fault, Entry extends { readonly id: string }>(
  request: IncomingMessage,
  response: ServerResponse,
  options: ControlOptions<Fault, Entry>,
): Promise<void> {
  const body = await readBody(request, DEV_LIMITS.maxBodyBytes);
  if (!body.ok) return sendJson(response, 413, { error: { message: body.error } });
  const fault = options.faultSchema.safeParse(parseOrUndefined(body.value.toString("utf8")));
  if (!fault.success) return sendJson(response, 400, { error: { message: z.prettifyError(fault.error) } });
  const id = options.faults.add(fault.data);
  if (id === null) return sendJson(response, 409, { error: { message: "too many faults" } });
  return sendJson(response, 201, { id });
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
