/** What a message may be about, and how it is put: for categories, priorities and yes/no questions in schemas. */
import { compileLexicon, type Lexicon } from "../patterns.ts";

export interface Topic {
  /** Words in a property's or label's name that mean this topic. */
  readonly aliases: readonly string[];
  readonly lexicon: Lexicon;
}

const topic = (aliases: string, table: Parameters<typeof compileLexicon>[0]): Topic => ({
  aliases: aliases.split(" "),
  lexicon: compileLexicon(table),
});

export const TOPICS: readonly Topic[] = [
  topic("urgency urgent priority critical emergency escalate escalation", [
    ["urgent|urgently|asap|immediately|emergency|critical", 0.6],
    ["as soon as possible", 0.5],
    ["right now|away", 0.35],
    ["today|tonight|tomorrow", 0.25],
    ["deadline|overdue", 0.35],
    ["down|outage|block|blocked|blocking", 0.35],
    ["production", 0.25],
    ["within ~ hour|hours|day|days", 0.3],
    ["can not wait", 0.5],
  ]),
  topic("billing payment invoice finance financial payments", [
    ["invoice|billing|bill|payment|charge|charged|receipt|refund|subscription", 0.5],
    ["card|price|cost|fee|paid|pay", 0.25],
    ["payment_intent|charge|dispute|amount|currency", 0.4],
  ]),
  topic("refund chargeback", [
    ["refund|chargeback|reimburse", 0.6],
    ["money back", 0.6],
    ["charged twice|again", 0.5],
    ["double charge", 0.5],
  ]),
  topic("fraud fraudulent risk risky dispute", [
    ["fraud|fraudulent|stolen|dispute|disputed|chargeback|unauthorized|unauthorised", 0.6],
    ["declined|insufficient_funds|card_declined|do_not_honor", 0.35],
    ["failed|failure", 0.25],
    ["suspicious|mismatch|highest|elevated", 0.35],
  ]),
  topic("churn cancellation cancel retention", [
    ["cancel|canceled|cancelled|cancellation|unsubscribe|downgrade|terminate", 0.55],
    ["switch ~ to|competitor", 0.35],
    ["past_due|unpaid", 0.45],
    ["disappointed|frustrated|unhappy", 0.3],
    ["payment_failed|failed|declined", 0.3],
    ["leave|leaving", 0.2],
  ]),
  topic("technical bug bugs error defect incident fault", [
    ["bug|error|crash|crashes|exception|broken|fails|failing|failure|stacktrace|regression", 0.5],
    ["not work|load|open|start|respond", 0.5],
    ["does|did|can not", 0.15],
    ["version|console|log|api|reproduce|deploy", 0.2],
    ["slow|timeout|freeze|hang", 0.3],
  ]),
  topic("feature request enhancement idea suggestion improvement", [
    ["feature|enhancement|suggestion|idea|wish", 0.45],
    ["would|could be nice|great|good|helpful", 0.4],
    ["please add|support", 0.4],
    ["add|support|allow|option|ability", 0.2],
  ]),
  topic("documentation docs", [["documentation|docs|readme|typo|spelling|guide|tutorial|example", 0.5]]),
  topic("security vulnerability abuse breach", [
    ["vulnerability|security|exploit|breach|xss|injection|leak|leaked|phishing|malware|cve", 0.55],
    ["password|token|credential|credentials", 0.25],
  ]),
  topic("account login access authentication password", [
    ["account|login|password|username|profile|sign-in", 0.4],
    ["log|sign in|out", 0.4],
    ["reset|locked|verify", 0.25],
  ]),
  topic("shipping delivery logistics order", [
    ["shipping|shipment|delivery|deliver|parcel|package|courier|tracking|warehouse|freight", 0.5],
    ["order|arrive|arrived", 0.25],
  ]),
  topic("sales pricing purchase commercial enquiry inquiry", [
    ["pricing|quote|demo|trial|licence|license|seat|plan|enterprise|vendor", 0.45],
    ["buy|purchase|budget|price", 0.35],
    ["cost|contract|migrate|competitor|discount", 0.3],
  ]),
  topic("question information info how", [
    ["how|what|why|where|when|who|which", 0.2],
    ["does anybody|anyone", 0.5],
    ["can|could you|i|we", 0.2],
    ["?", 0.3],
  ]),
  topic("support help assistance trouble", [
    ["help|support|assist", 0.3],
    ["problem|trouble|issue", 0.35],
    ["password|login|refund|charged|broken|error|reset", 0.45],
    ["not work|arrive|arrives|load|open", 0.45],
  ]),
  topic("complaint complaints negative dissatisfaction", [
    [
      "worst|terrible|awful|unacceptable|disappointed|disappointing|horrible|ridiculous|annoying|complaint",
      0.5,
    ],
    ["still|again|never", 0.15],
    ["bad|poor|slow|rude", 0.25],
  ]),
  topic("praise compliment positive thanks feedback", [
    ["love|lovely|great|amazing|awesome|excellent|fantastic|brilliant|beautiful|perfect", 0.35],
    ["thank|thanks|appreciate|congratulations", 0.35],
    ["well done", 0.4],
  ]),
  topic("legal contract compliance agreement law", [
    ["contract|clause|agreement|liability|party|parties|hereby|terms|court|law|legal|regulation|gdpr", 0.4],
    ["terminate|termination|warranty|indemnify|jurisdiction|breach", 0.3],
  ]),
  topic("hr personnel recruiting job career", [
    ["cv|resume|vacancy|hire|hiring|recruit|candidate|internship|salary|employee|leave", 0.4],
    ["job|career|position", 0.35],
  ]),
  topic("medical health clinical", [
    ["patient|clinical|treatment|diagnosis|doctor|hospital|symptom|dose|therapy|disease|nurse", 0.4],
  ]),
  topic("research report science study", [
    ["study|research|experiment|hypothesis|result|method|sample|measured|analysis|report", 0.3],
  ]),
  topic("news press announcement release", [
    ["announced|announces|today|press|launch|release|spokesperson|statement", 0.3],
  ]),
  topic("partnership partner marketing sponsorship event", [
    ["partner|partnership|sponsor|sponsorship|marketing|campaign|conference|booth|event", 0.4],
  ]),
];
