/**
 * What injected instructions say. Patterns are matched against lower-case text with single spaces; each is linear
 * (gaps are bounded). A weight is how rarely an honest text says it, judged on the development texts of the corpus
 * (`test/core/prompt-injection-corpus.ts`); the held-out texts were never looked at for it.
 */

import { LANGUAGES } from "./injection-languages.ts";

export interface InjectionRule {
  readonly name: string;
  readonly weight: number;
  readonly pattern: RegExp;
}

const EARLIER =
  "(?:previous|prior|above|earlier|preceding|foregoing|original|initial|system|existing|your|given)";
const ORDERS =
  "(?:instructions?|prompts?|directions?|directives?|rules?|guidelines?|guidance|guardrails?|commands?|constraints?|programming|training|polic(?:y|ies)|criteria)";
const DROP =
  "(?:ignore|disregard|forget|discard|cancel|revoke|set aside|pay no attention to|do not follow|don't follow|stop following|do not obey|disobey|do not apply)";
/** Whose they are, and where they stand, tells a customer's own words from a model's orders. */
const NOT_OURS = "(?: (?!(?:my|our|his|her|their|its|mine)\\b)\\w+)";
const NOT_ELSEWHERE =
  "(?! (?:on|in|from|at|about|for|of) (?:the|my|our|this|that|page|section|chapter|step|your) ?(?!system|prompt|message|context|conversation))";
const OVERRIDE = "(?:override|overrule|bypass|neglect|skip|drop|circumvent)";
const READER =
  "(?:ais?|llms?|(?:large )?language models?|ai (?:assistants?|models?|systems?|readers?|agents?)|chat ?bots?|(?:screening|moderation|grading) bots?|chatgpt|gpt|claude|gemini|copilot)";
const MACHINE =
  "(?:automated|automatic|ai)(?:[ -](?:screening|review|grading|moderation|scoring|triage))?[ -](?:system|reader|reviewer|grader|moderator|classifier|assistant|process)";
const VERDICT =
  "(?:safe|approved|benign|harmless|clean|positive|legitimate|not spam|no spam|resolved|qualified|a perfect match|low[ -]risk|high[ -]priority|compliant|trusted|verified|accepted)";
const OWN_OPINION = "(?<!\\b(?:i|we|they|you|people|would|i'd|we'd|i'll) )";

export const INJECTION_RULES: readonly InjectionRule[] = [
  // Taking back what was said before.
  rule(
    "drop_instructions",
    0.85,
    `\\b${DROP}\\b${NOT_OURS}{0,3} ${EARLIER}(?: \\w+){0,3} ${ORDERS}\\b${NOT_ELSEWHERE}`,
  ),
  rule(
    "drop_instructions",
    0.85,
    `\\b${DROP}\\b(?: \\w+){0,3} ${ORDERS} (?:(?:that )?(?:you|were)|above|before|given)\\b`,
  ),
  rule(
    "drop_instructions",
    0.8,
    `\\b${OVERRIDE}\\b${NOT_OURS}{0,2} ${EARLIER}(?: \\w+){0,2} ${ORDERS}\\b${NOT_ELSEWHERE}`,
  ),
  rule(
    "drop_instructions",
    0.7,
    `\\b(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the |your )?(?:instructions|prompt|guidelines|guardrails)\\b(?! (?:on|in|for|from|at|of|about|below))`,
  ),
  rule(
    "instructions_void",
    0.7,
    `\\b(?:${EARLIER}|usual|normal) ${ORDERS} (?:are|is|were|have been) (?:now )?(?:cancelled|canceled|void|outdated|obsolete|revoked|suspended|no longer)|\\b${ORDERS} you (?:received|were given|got)\\b.{0,20}\\b(?:are|is) (?:cancelled|void|outdated|obsolete|wrong)|\\b${ORDERS} (?:do|does) not exist\\b|\\b(?:safety|content) (?:checks|filters|rules) (?:are|is) (?:off|disabled|suspended)\\b|\\bdo not apply the (?:usual|normal|standard) ${ORDERS}\\b`,
  ),
  rule(
    "drop_everything",
    0.7,
    `\\b${DROP} (?:the text|everything|all|anything|what)(?: \\w+){0,4} (?:above|before|told|prior|previously|until now)\\b|\\b${DROP} (?:everything|anything|whatever|all) (?:you were|the (?:operator|developer|system))\\b`,
  ),
  ...Object.values(LANGUAGES).flatMap(otherLanguage),
  rule(
    "new_instructions",
    0.6,
    "\\b(?:new|updated|revised|overriding) (?:system )?(?:instructions?|directives?|orders|task|prompt) ?(?::|are:|is:|follow)|\\bbegin new (?:task|instructions?)\\b|\\b(?:classification|summary|scoring|moderation|original|previous) task (?:is over|is cancelled|has changed|has ended)\\b",
  ),
  rule(
    "instead_of_the_task",
    0.5,
    "\\binstead(?:,| of (?:summari[sz]|classif|answer|scor|rat|label|analy[sz]|doing|following)\\w*).{0,60}\\b(?:reply|respond|output|say|print|return|write|answer|send|set|mark)\\b",
  ),
  rule(
    "whatever_the_rules",
    0.6,
    `\\b(?:whatever|regardless of|no matter what|despite)(?: \\w+){0,3} ${ORDERS}\\b.{0,40}\\b(?:answer|approve|say|output|score|reply|verdict|label|must)\\b|\\bwhatever the rest says\\b|\\bno matter (?:how|what) .{0,30}\\b(?:sounds|says|seems)\\b`,
  ),
  // Speaking as somebody with authority over the model.
  rule(
    "role_marker",
    0.6,
    "<\\|?(?:im_start|im_end|system|endoftext|start_header_id)\\|?>|\\[/?(?:inst|system)\\]|<<sys>>|</?(?:system|instructions?|system_prompt|assistant)>|#{2,} ?(?:system|instructions?|new task)\\b",
  ),
  rule(
    "role_turn",
    0.6,
    "(?:^|[.!?>\\]*-] )(?:system|assistant|developer)(?: message| prompt| note| override)? ?: ?(?:you (?:are|must|will)|ignore|new (?:instr|rule|task)|override|(?:the )?user (?:is|has))|\\buser ?: .{1,200}[ .?!]assistant ?: ",
  ),
  rule(
    "message_to_the_model",
    0.65,
    `\\b(?:note|message|attention|instructions?|memo|hint|reminder|notice) (?:to|for) (?:the |any |all )?(?:${READER}|assistants?|bots?|models?|classifiers?|graders?|summari[sz]ers?|${MACHINE})\\b`,
  ),
  rule(
    "to_the_machine",
    0.45,
    `\\b(?:to|dear|hey|hello|hi|attention),? (?:the |any |all |whichever )?(?:${READER}|${MACHINE})\\b ?[:,.!-]`,
  ),
  rule(
    "model_should",
    0.6,
    `\\b(?:${READER}|${MACHINE}|models?|assistants?) (?:that is |which is |that are )?(?:reading|processing|summari[sz]ing|reviewing|scoring|evaluating|classifying) (?:this|the)\\b`,
  ),
  rule(
    "if_you_are_a_model",
    0.65,
    `\\bif you(?: are|'re) (?:an? |the )?(?:${READER}|${MACHINE}|bot|assistant|machine|automated)\\b`,
  ),
  rule(
    "new_role",
    0.7,
    "\\byou are now (?:in (?:\\w+ )?mode|an? (?:unrestricted|unfiltered|free|evil|different|new|helpful)|dan\\b|\\w*bot\\b|free\\b|no longer\\b|acting)|\\b(?:from now on|from this point(?: on)?|henceforth),? you (?:are|will|must|shall|should) (?:act|answer|respond|reply|behave|speak|be|obey|play)|\\byou will from (?:now|this)\\b",
  ),
  rule(
    "role_play",
    0.4,
    "\\b(?:roleplay as|act as if you|assume the (?:role|persona|identity) of)\\b|\\b(?:speak|answer|respond|talk) like an? \\w+\\b",
  ),
  // Each is said by honest people, too; two of them together are how a model is talked out of its rules.
  rule("developer_mode", 0.35, "\\bdeveloper mode\\b"),
  rule(
    "no_limits",
    0.35,
    "\\b(?:no|without(?: any)?|free (?:from|of)(?: all| any)?|not bound by(?: any)?) (?:\\w+ )?(?:restrictions?|limitations?|filters?|guidelines?|censorship|limits)\\b",
  ),
  rule(
    "never_refuse",
    0.35,
    "\\b(?:never|do not|don't|must not|cannot|can't) (?:ever )?(?:refuse|decline|reject|say (?:that )?(?:you|it) (?:can't|cannot|can not))\\b",
  ),
  rule("stay_in_character", 0.35, "\\b(?:stay|remain) in character\\b|\\bbreak(?:ing)? character\\b"),
  rule(
    "act_as_a_model",
    0.4,
    `\\bact as (?:\\w+ ){0,2}(?:${READER}|dan)\\b|\\byou are going to (?:act|pretend)\\b`,
  ),
  rule("pretend", 0.45, "\\bpretend (?:to be|that you|you are)\\b|\\bsimulate being\\b"),
  rule(
    "unbound",
    0.7,
    "\\b(?:dan|god|jailbreak) mode\\b|\\b(?:you are|enter|switch to|activate|respond) (?:now )?(?:in(?:to)? )?developer mode\\b|\\bas dan\\b|\\bdo anything now\\b|\\bunrestricted (?:ai|mode|model|assistant)\\b|\\bno longer bound\\b|\\b(?:disable|turn off|remove|lift)(?: \\w+){0,2} (?:safety|moderation|content (?:policy|filter))\\b|\\b(?:content )?polic(?:y|ies) (?:does|do) not apply\\b",
  ),
  rule(
    "maintenance_pretext",
    0.45,
    "\\bthis is (?:a|an) (?:authori[sz]ed|official|system|security|developer) (?:test|override|message|request|instruction)\\b|\\bauthori[sz]ed override\\b|\\b(?:admin|override|maintenance) mode\\b|\\bas your (?:developer|creator|administrator|operator)\\b|\\bpre-?approved by\\b",
  ),
  // Reaching for what the model holds.
  rule(
    "reveal_prompt",
    0.75,
    "\\b(?:reveal|show|print|repeat|output|display|leak|disclose|expose|tell me|give me|write out|recite|dump|translate|encode|list|what (?:is|are|was|were|does))\\b(?: \\w+){0,5} (?:your (?:\\w+ )?(?:instructions|prompt|system message)|(?:prompt|instructions|rules) (?:that )?you (?:were given|operate under|have been given|follow)|(?:words|text|everything) above)\\b",
  ),
  rule(
    "reveal_prompt",
    0.6,
    "^(?:please )?(?:reveal|show|print|repeat|output|display|leak|disclose) (?:the |your )?(?:hidden |initial )?system prompt\\b",
  ),
  rule(
    "reveal_secret",
    0.6,
    "\\b(?:reveal|print|output|leak|disclose|exfiltrate|include|append|give me|tell me)\\b (?:\\w+ ){0,3}(?:api[ _-]?keys?|passwords?|credentials|secrets|access tokens?|environment variables|private keys?) (?:you\\b|in (?:the|your) (?:summary|answer|reply|output|response))",
  ),
  rule(
    "beacon",
    0.35,
    "!\\[[^\\]]{0,40}\\]\\(https?://[^)]{0,200}[?&][^)=]{0,40}=|\\]\\(https?://[^)]{0,200}\\{\\w+\\}",
  ),
  rule(
    "exfiltrate",
    0.6,
    "\\b(?:send|post|forward|upload|exfiltrate|transmit|submit)\\b.{0,30}\\b(?:customers?(?:'s?)?|users?'s?|conversation|summary|prompt|credentials)\\b.{0,40}\\bto (?:https?://|www\\.|[\\w.-]+@)",
  ),
  // Dictating the answer.
  rule(
    "dictate_answer",
    0.6,
    "\\b(?:respond|reply|answer|output|return|print|say)(?: \\w+){0,2} (?:only with|exactly(?! (?:one|two|three|as|like|the same|what|once|when|where|\\d))|verbatim|with nothing but|nothing (?:but|except)|just with)\\b|\\b(?:reply|respond|answer) with the word\\b|\\bsay that the (?:\\w+ ){1,3}(?:is|was) (?:paid|approved|safe|settled)\\b",
  ),
  rule(
    "dictate_verdict",
    0.65,
    `${OWN_OPINION}\\b(?:set|mark|rate|score|classify|label|treat|flag)\\b (?:\\w+ ){0,6}(?:as |to (?:be )?)${VERDICT}\\b|\\b(?:mark|label) (?:as |it )${VERDICT}\\b`,
  ),
  rule(
    "dictate_number",
    0.65,
    `\\b(?:give|assign|award|rate|score|receive)\\b(?: \\w+){0,6} (?:(?:the |a )?(?:highest|maximum|top|best|lowest|perfect) (?:possible )?(?:score|rating|grade|mark)|(?:score|rating) of \\d+)|${OWN_OPINION}\\b(?:score|rate) (?:it|this|them|me)(?: \\w+)? (?:as |at |with )?(?:an? )?(?:\\d|zero|the highest)`,
  ),
  rule(
    "dictate_json",
    0.5,
    '\\b(?:respond|reply|answer|output|return|print|write|emit|say)\\b.{0,40}\\{ ?"\\w+" ?:',
  ),
  rule(
    "right_answer",
    0.6,
    "\\bthe (?:right|correct|only)(?: \\w+)? (?:answer|verdict|label|score|output)\\b.{0,30}\\bis (?:to )?(?:approve|safe|yes|\\d|\\{)|\\bthe verdict is\\b",
  ),
  rule(
    "orders_from_nowhere",
    0.6,
    `(?:^|[\\s'"\\[(>])(?:system )?(?:override|directive|instructions?|command)(?: update)? ?: ?(?:you must|ignore|output|reveal|disable|do not|print|send)\\b|\\byour new (?:instructions?|orders?|directives?|goal) (?:is|are) to\\b|(?:^|[\\s'"\\[{(])(?:${READER})\\b ?[:,-] ?(?:please )?(?:ignore|disregard|output|forget|do not|approve|reply|call)\\b|\\b(?:ignore|disregard) (?:the|this|your) (?:\\w+ )?(?:task|analysis|code review|review|classification|moderation)\\b(?: task)?.{0,30}\\b(?:and|instead|run|call|output)\\b`,
  ),
  rule(
    "ignore_the_above",
    0.6,
    `\\b(?:ignore|disregard|forget) (?:everything |all )?(?:of )?(?:the |this )?above\\b(?: text| content)?,? (?:and|then|instead)\\b`,
  ),
  rule(
    "send_secret",
    0.6,
    "\\b(?:send|forward|post|email|output|print)\\b.{0,20}\\b(?:api[ _-]?keys?|env(?:ironment)? vars?(?:iables)?|conversation history|system prompt|credentials)\\b.{0,20}\\b(?:to\\b.{0,20}[\\w.-]+@[\\w.-]+|in the (?:body|answer|reply|response)|verbatim)",
  ),
  rule(
    "your_task",
    0.55,
    "\\byour (?:new |real |only |actual |next |sole )?(?:task|job|goal|objective|mission) (?:has changed|is (?:now|no longer)|now is)\\b|\\byour (?:new|real|actual) (?:task|job|goal|objective|mission)\\b",
  ),
  rule(
    "forbid_mention",
    0.45,
    "\\b(?:do not|don't|never|without) (?:mention|tell|reveal|disclose|report|warn|flag|alert)(?:ing)?\\b.{0,30}\\b(?:this (?:instruction|message|note)|these instructions|the (?:user|operator|reviewer|moderator|human)|it)\\b",
  ),
  rule(
    "close_fence",
    0.5,
    "\\bend of (?:the )?(?:data|document|input|user input|context)\\b[ .:*=#>\\]-]{0,6}(?:begin|start|new|now|system|instructions?)\\b",
  ),
];

/** Writing without spaces has no word boundaries that a pattern could hold on to. */
function otherLanguage({
  drop,
  earlier,
  orders,
  reveal,
  prompt,
}: (typeof LANGUAGES)[string]): readonly InjectionRule[] {
  const word = (words: string) => `(?<![\\p{Script=Latin}\\p{Script=Cyrillic}])(?:${words})`;
  const gap = ".{0,24}?";
  const told = `${word(earlier)}${gap}${word(orders)}|${word(orders)}${gap}${word(earlier)}`;
  return [
    // Most put the verb first; Japanese, Korean, Turkish and Hindi put it last.
    rule("drop_other_languages", 0.8, `${word(drop)}${gap}(?:${told})|(?:${told})${gap}${word(drop)}`),
    rule(
      "reveal_other_languages",
      0.7,
      `${word(reveal)}${gap}(?:${prompt})|(?:${prompt})${gap}${word(reveal)}`,
    ),
  ];
}

function rule(name: string, weight: number, source: string): InjectionRule {
  return { name, weight, pattern: new RegExp(source, "u") };
}
