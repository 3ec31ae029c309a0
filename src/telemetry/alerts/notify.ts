/**
 * Sends a notice to one webhook: as a Slack message, or as a Standard Webhooks event signed with the receiver's secret.
 * Never throws, follows no redirect, and retries nothing: the outbox does.
 */
import { noticeEvent, noticeId, slackMessage, type NoticeContext } from "../../core/alerts/notice.ts";
import type { Notice } from "../../core/alerts/machine.ts";
import { err, messageOf, ok, type Result } from "../../core/result.ts";

export type AlertReceiver =
  | { readonly format: "slack"; readonly url: string }
  | { readonly format: "standard"; readonly url: string; readonly sign: NoticeSigner };

export type NoticeSigner = (id: string, timestampSeconds: number, body: string) => Promise<string>;

export interface NotifyDependencies {
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  readonly timeoutMs: number;
  readonly context: NoticeContext;
}

/** @returns why it was not taken; never the URL, which for Slack is the secret */
export async function notify(
  deps: NotifyDependencies,
  receiver: AlertReceiver,
  notice: Notice,
): Promise<Result<void, string>> {
  try {
    const response = await deps.fetch(receiver.url, {
      method: "POST",
      ...(await requestOf(deps, receiver, notice)),
      redirect: "manual",
      signal: AbortSignal.timeout(deps.timeoutMs),
    });
    await response.body?.cancel();
    return response.ok ? ok(undefined) : err(`answered ${response.status}`);
  } catch (thrown) {
    return err(messageOf(thrown).replaceAll(receiver.url, "(url)"));
  }
}

async function requestOf({ context, nowMs }: NotifyDependencies, receiver: AlertReceiver, notice: Notice) {
  if (receiver.format === "slack") {
    return { headers: JSON_HEADERS, body: JSON.stringify(slackMessage(notice, context)) };
  }
  const id = noticeId(notice);
  const body = JSON.stringify(noticeEvent(notice, context));
  const timestampSeconds = Math.floor(nowMs() / 1_000);
  const headers = {
    ...JSON_HEADERS,
    "webhook-id": id,
    "webhook-timestamp": String(timestampSeconds),
    "webhook-signature": await receiver.sign(id, timestampSeconds, body),
  };
  return { headers, body };
}

const JSON_HEADERS = { "content-type": "application/json", "user-agent": "Sluice" };
