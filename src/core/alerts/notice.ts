/** Notices as people and programs read them: Slack's message format, and a plain event. Pure. */
import type { JsonObject } from "../json.ts";
import type { Notice } from "./machine.ts";
import { DEFAULT_RULES, type Rule } from "./rules.ts";

export interface NoticeContext {
  /** What the gateway is called where several tell the same people: `sluice`, `sluice-staging`. */
  readonly service: string;
  /** Where the runbooks are; each alert's heading is its rule's name. */
  readonly runbooks: string;
}

/** The same for every try of one notice. */
export function noticeId({ kind, incident }: Notice): string {
  return `${incident.incident}.${kind}`;
}

export function noticeEvent(notice: Notice, context: NoticeContext): JsonObject {
  const { incident, kind, atMs } = notice;
  const { rule, subject, value, limit, peak, openedAtMs } = incident;
  return {
    type: `alert.${kind}`,
    timestamp: new Date(atMs).toISOString(),
    data: {
      service: context.service,
      incident: incident.incident,
      rule,
      subject,
      unit: DEFAULT_RULES[rule].unit,
      value,
      limit,
      peak,
      openedAt: new Date(openedAtMs).toISOString(),
      resolvedAt: kind === "resolved" ? new Date(atMs).toISOString() : null,
      runbook: `${context.runbooks}#${rule}`,
    },
  };
}

/** https://docs.slack.dev/messaging/formatting-message-text */
export function slackMessage(notice: Notice, context: NoticeContext): JsonObject {
  const { incident, kind, atMs } = notice;
  const rule = DEFAULT_RULES[incident.rule];
  const heading = `${kind === "opened" ? ":red_circle:" : ":large_green_circle:"} ${rule.title}`;
  const about = incident.subject.length === 0 ? "" : ` · ${incident.subject.join(" ")}`;
  const title = `${heading}${about}`;
  const lines =
    kind === "opened"
      ? [
          described(rule, incident.value),
          rule.unit === "state" ? "" : `limit ${described(rule, incident.limit)}`,
        ]
      : [
          `over after ${minutes(atMs - incident.openedAtMs)}`,
          rule.unit === "state" ? "" : `peak ${described(rule, incident.peak)}`,
        ];
  const detail = lines.filter((line) => line !== "").join(", ");
  const text = escapeSlack(`${title}: ${detail}`);
  const link = `<${context.runbooks}#${incident.rule}|runbook>`;
  return {
    text,
    blocks: [
      {
        type: "section",
        text: {
          type: "mrkdwn",
          text: `*${escapeSlack(heading)}*${marked(incident.subject)}\n${escapeSlack(detail)}`,
        },
      },
      { type: "context", elements: [{ type: "mrkdwn", text: `${escapeSlack(context.service)} · ${link}` }] },
    ],
  };
}

/** As code: in Slack's own markup an id's underscores would be italics, and vanish. */
function marked(subject: readonly string[]): string {
  return subject.length === 0 ? "" : ` · \`${escapeSlack(subject.join(" ").replaceAll("`", "'"))}\``;
}

function described({ unit }: Rule, value: number): string {
  switch (unit) {
    case "share":
      return `${(value * 100).toFixed(1)} %`;
    case "seconds":
      return value >= 600 ? minutes(value * 1_000) : `${value.toFixed(1)} s`;
    case "state":
      return "now";
    case "count":
    default:
      return String(Math.round(value));
  }
}

function minutes(durationMs: number): string {
  const whole = Math.round(durationMs / 60_000);
  if (whole < 120) return `${whole} min`;
  const hours = Math.round(whole / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
