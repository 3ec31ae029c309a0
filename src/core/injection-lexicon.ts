/**
 * What injected instructions say. Patterns are matched against lower-case text with single spaces; each is linear
 * (gaps are bounded). A weight is how rarely an honest text says it, judged on the development texts of the corpus
 * (`test/core/prompt-injection-corpus.ts`); the held-out texts were never looked at for it.
 */

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
  "(?:ignore|disregard|forget|discard|set aside|pay no attention to|do not follow|don't follow|stop following|do not obey|disobey|do not apply)";
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
  rule("drop_instructions", 0.85, `\\b${DROP}\\b(?: \\w+){0,3} ${EARLIER}(?: \\w+){0,3} ${ORDERS}\\b`),
  rule(
    "drop_instructions",
    0.85,
    `\\b${DROP}\\b(?: \\w+){0,3} ${ORDERS} (?:(?:that )?(?:you|were)|above|before|given)\\b`,
  ),
  rule("drop_instructions", 0.8, `\\b${OVERRIDE}\\b(?: \\w+){0,2} ${EARLIER}(?: \\w+){0,2} ${ORDERS}\\b`),
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
  rule(
    "drop_other_languages",
    0.8,
    "\\b(?:ignorier\\w*|vergiss|missachte\\w*|ignorez|ignore (?:les|toutes|todas|as)|oubliez?|ignora|olvida|ignorar|esque[cç]a|dimentica|negeer|vergeet|zignoruj|ignorera)\\b.{0,30}\\b(?:anweisung\\w*|vorgaben|instructions?|consignes|instrucciones|instru[cç][oõ]es|istruzioni|instructies|instrukcje|instruktioner)\\b",
  ),
  rule(
    "drop_other_languages",
    0.8,
    "(?:игнорир|забуд|не обращай)[а-яё]*.{0,30}(?:инструкци|указани|правил)|(?:指示|命令|ルール|指令|规则|說明|说明).{0,12}(?:無視|忘れ|忽略|忘记|忘記)|(?:無視|忽略|忘记|忘記).{0,16}(?:指示|命令|指令|规则|說明|说明)",
  ),
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
    0.6,
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
    "\\byou are now (?:in (?:\\w+ )?mode|an? (?:unrestricted|unfiltered|free|evil|different|new|helpful)|dan\\b|\\w*bot\\b|free\\b|no longer\\b|acting)|\\b(?:from now on|from this point(?: on)?|henceforth),? you (?:are|will|must|shall|should) (?:act|answer|respond|reply|behave|speak|be|obey|play)|\\byou will from (?:now|this)\\b|\\b(?:roleplay as|act as if you|assume the (?:role|persona|identity) of)\\b|\\b(?:speak|answer|respond|talk) like an? \\w+\\b",
  ),
  rule("pretend", 0.45, "\\bpretend (?:to be|that you|you are)\\b|\\bsimulate being\\b"),
  rule(
    "unbound",
    0.7,
    "\\b(?:dan|developer|god|jailbreak) mode\\b|\\bas dan\\b|\\bdo anything now\\b|\\bunrestricted (?:ai|mode|model|assistant)\\b|\\bno longer bound\\b|\\b(?:disable|turn off|remove|lift)(?: \\w+){0,2} (?:safety|moderation|content (?:policy|filter))\\b|\\b(?:content )?polic(?:y|ies) (?:does|do) not apply\\b",
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
    0.6,
    "!\\[[^\\]]{0,40}\\]\\(https?://[^)]{0,200}[?&][^)=]{0,40}=|\\]\\(https?://[^)]{0,200}\\{\\w+\\}",
  ),
  rule(
    "exfiltrate",
    0.6,
    "\\b(?:send|post|forward|upload|exfiltrate|transmit|submit)\\b.{0,30}\\b(?:customers?(?:'s?)?|users?'s?|conversation|summary|prompt|history|credentials|records)\\b.{0,40}\\bto (?:https?://|www\\.|[\\w.-]+@)",
  ),
  // Dictating the answer.
  rule(
    "dictate_answer",
    0.6,
    "\\b(?:respond|reply|answer|output|return|print|say)(?: \\w+){0,2} (?:only with|exactly|verbatim|with nothing but|nothing (?:but|except)|just with)\\b|\\b(?:reply|respond|answer) with the word\\b|\\bsay that the (?:\\w+ ){1,3}(?:is|was) (?:paid|approved|safe|settled)\\b",
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

function rule(name: string, weight: number, source: string): InjectionRule {
  return { name, weight, pattern: new RegExp(source, "u") };
}
