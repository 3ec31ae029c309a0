/**
 * What makes an enquiry a lead: signals a sales person would underline, with points for or against.
 * Points add up on a scale of 0 to 100.
 */
import { compileLexicon, type Lexicon } from "../patterns.ts";

export const LEAD_BASE_POINTS = 35;

export const LEAD_SIGNALS: Lexicon = compileLexicon([
  ["budget|budgeted", 15, "budget"],
  ["board|management|ceo|cfo|cto ~ approved", 12, "budget approved"],
  ["price|pricing|quote|quotation|proposal", 14, "asks for a price"],
  ["how much", 12, "asks for a price"],
  ["cost us|me|per", 12, "asks for a price"],
  ["volume discount|discounts", 10, "volume"],
  ["purchase|procurement|buy|order", 8, "purchase"],
  ["contract|renewal|subscription", 6, "contract"],
  ["licence|license|seat", 10, "seats"],
  ["demo|demonstration|walkthrough", 16, "asks for a demo"],
  ["trial|pilot|proof", 12, "asks for a trial"],
  ["enterprise|business|team plan", 10, "plan"],
  ["talk|speak to|with|someone|sales|you", 10, "wants to talk"],
  ["call|ring me|us", 10, "wants to talk"],
  ["call|meeting ~ week|monday|tuesday|wednesday|thursday|friday|tomorrow", 10, "wants to talk"],
  ["account manager", 12, "wants to talk"],
  ["roll|rolling out", 12, "roll-out"],
  ["migrate|migrating|replace|replacing|switch|switching", 12, "replaces a system"],
  ["competitor|alternative|vendor|vendors|shortlist", 10, "compares vendors"],
  ["ceo|cto|cfo|cio|coo|founder|owner|director|vp|head|president|manager", 8, "role"],
  ["i decide", 12, "decides"],
  ["decision maker", 4, "decides"],
  ["deadline|quarter", 8, "timeline"],
  [
    "by|before|in|until january|february|march|april|may|june|july|august|september|october|november|december",
    10,
    "timeline",
  ],
  ["this|next week|month|quarter|year", 8, "timeline"],
  ["as soon as possible", 10, "urgent"],
  ["asap|urgent|urgently|immediately", 10, "urgent"],
  ["look|looking for a|an|something", 8, "looks for a product"],
  ["need|want ~ tool|system|solution|platform|software|product", 10, "looks for a product"],
  ["sso|saml|soc|gdpr|compliance|dpa|sla|integration|deployment", 6, "requirements"],
  ["interested in", 8, "interest"],
  [
    "current|existing|present provider|vendor|supplier|system|tool|solution|platform",
    12,
    "replaces a system",
  ],
  ["become a customer|client", 20, "wants to buy"],
  ["sign|start|begin|go this|next|on|in|by", 10, "timeline"],
  ["would|will|could sign", 14, "wants to buy"],
  ["quoted us|me", 12, "asks for a price"],
  ["match it|that|this", 6, "asks for a price"],
  ["customers|clients|people pay", 10, "asks for a price"],
  ["rate|rates", 10, "asks for a price"],
  ["we process|handle|serve|run|manage|operate", 8, "describes their business"],
  ["there are ~ of us", 8, "describes their business"],
  ["we ~ open|opening|grow|growing|expand|expanding|outgrow", 10, "growing"],
  ["recommended|referred by", 10, "referral"],
  ["want the same", 10, "wants to buy"],
  ["show ~ team|partners|us|colleagues|me how", 18, "asks for a demo"],
  [
    "choose|choosing|decide|deciding|evaluate|evaluating|compare|comparing between|on|with|you|your|vendors",
    16,
    "compares vendors",
  ],
  ["who ~ contact|talk|speak", 12, "wants to talk"],

  ["reporter|journalist|article|newspaper", -35, "press"],
  ["comment on", -10, "press"],
  ["dissertation|phd|semester", -35, "student work"],
  ["existing customer", -30, "existing customer"],
  ["do|does nothing", -20, "support request"],
  ["not work|load|open|arrive", -20, "support request"],
  ["stop|stopped working", -25, "support request"],
  ["infringe|lawyer|attorney|lawsuit|legal|trademark", -30, "legal"],
  ["we cut|reduce|increase|boost|double|grow|help ~ your|cloud|sales|costs|bills|by", -25, "sells to us"],
  ["are you overpaying|struggling|tired|missing", -25, "sells to us"],
  ["your ads|newsletter|mails", -25, "unsubscribe"],
  ["free of charge", -15, "private use"],

  ["thesis|homework|student|assignment", -35, "student work"],
  ["university project", -35, "student work"],
  ["interview one|you|your", -15, "student work"],
  ["cv|resume|vacancy|internship|recruiter", -40, "job application"],
  ["join your|the team", -30, "job application"],
  ["developer position|role", -20, "job application"],
  ["refund|charged|invoice", -30, "existing customer"],
  ["password|login|bug|broken|crash|error", -30, "support request"],
  ["typo", -25, "feedback"],
  ["seo|backlinks", -40, "sells to us"],
  ["guest post|posts", -40, "sells to us"],
  ["our agency|services|offer|packages", -25, "sells to us"],
  ["we offer|provide|sell|can", -12, "sells to us"],
  ["sponsor|sponsorship", -35, "sells to us"],
  ["special|limited offer", -25, "sells to us"],
  ["e-mail|email list|lists", -30, "sells to us"],
  ["unsubscribe", -30, "unsubscribe"],
  ["survey|questionnaire", -30, "survey"],
  ["hobby|personal project|use", -25, "private use"],
  ["not want to pay", -30, "private use"],
  ["free version|plan", -12, "private use"],
  ["test test", -40, "test entry"],
  ["lorem ipsum", -40, "test entry"],
]);

export const FREE_MAIL_POINTS = -12;
export const COMPANY_MAIL_POINTS = 8;
export const MONEY_POINTS = 12;

/** People or seats a company speaks of, and what they are worth. */
export const SIZE_POINTS = [
  { from: 1000, points: 18 },
  { from: 200, points: 14 },
  { from: 50, points: 10 },
  { from: 10, points: 6 },
] as const;

export const SIZE_NOUNS: ReadonlySet<string> = new Set(
  `employee people agent user seat licence license staff developer site location depot shop store office branch
  hospital flat unit customer order us partner`.split(/\s+/),
);

export const FREE_MAIL_DOMAINS: ReadonlySet<string> = new Set(
  `gmail.com googlemail.com yahoo.com hotmail.com outlook.com live.com icloud.com aol.com gmx.de gmx.net web.de
  mail.com proton.me protonmail.com yandex.com qq.com 163.com`.split(/\s+/),
);
