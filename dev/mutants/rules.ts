/** The mechanical changes. Each rule looks at one node and says how it could be wrong. */
import type { Edit } from "./mutant.ts";
import { isLogCall, isNode, nameOf, nodeAt, type SyntaxNode } from "./syntax.ts";

export type Rule = (node: SyntaxNode, text: string, parents: readonly SyntaxNode[]) => readonly Edit[];

const OPERATORS: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "&&": "||",
  "||": "&&",
  "+=": "-=",
  "-=": "+=",
};

const operators: Rule = (node, text) => {
  const { type } = node;
  if (type !== "BinaryExpression" && type !== "LogicalExpression" && type !== "AssignmentExpression")
    return [];
  const [left, right] = [nodeAt(node, "left"), nodeAt(node, "right")];
  const operator = String(node["operator"]);
  if (left === null || right === null) return [];
  const at = text.indexOf(operator, left.end);
  if (operator === "??")
    return [{ rule: "default dropped", start: left.end, end: right.end, replacement: "" }];
  const other = OPERATORS[operator];
  if (other === undefined || at < 0 || at >= right.start) return [];
  if (operator === "+" && (isText(left) || isText(right))) return [];
  return [{ rule: "operator", start: at, end: at + operator.length, replacement: other }];
};

const counters: Rule = (node, text) => {
  if (node.type !== "UpdateExpression") return [];
  const own = text.slice(node.start, node.end);
  const replacement = own.includes("++") ? own.replace("++", "--") : own.replace("--", "++");
  return [{ rule: "counter", start: node.start, end: node.end, replacement }];
};

const negations: Rule = (node) => {
  const argument = nodeAt(node, "argument");
  if (node.type !== "UnaryExpression" || node["operator"] !== "!" || argument === null) return [];
  return [{ rule: "negation dropped", start: node.start, end: node.start + 1, replacement: "" }];
};

const MATH: Readonly<Record<string, string>> = {
  max: "min",
  min: "max",
  floor: "ceil",
  ceil: "floor",
  round: "floor",
};

const extremes: Rule = (node) => {
  const [object, property] = [nodeAt(node, "object"), nodeAt(node, "property")];
  if (node.type !== "MemberExpression" || property === null || nameOf(object) !== "Math") return [];
  const replacement = MATH[nameOf(property) ?? ""];
  return replacement === undefined
    ? []
    : [{ rule: "extreme", start: property.start, end: property.end, replacement }];
};

/** A version tag cannot be wrong: its literal type is checked by the compiler. */
const literals: Rule = (node, text, parents) => {
  const parent = parents.at(-1);
  if (node.type !== "Literal" || (parent?.type === "Property" && nameOf(parent["key"]) === "v")) return [];
  const { value } = node;
  const { start, end } = node;
  if (typeof value === "boolean") return [{ rule: "boolean", start, end, replacement: String(!value) }];
  if (typeof value !== "number" || text.slice(start, end).startsWith('"')) return [];
  return neighboursOf(value).map((next) => ({ rule: "number", start, end, replacement: String(next) }));
};

/** A large bound moved by one says nothing; a bound that is gone does. */
function neighboursOf(value: number): number[] {
  if (value >= 100) return [0];
  if (value > 0 && value < 1) return [0, 1];
  return value === 0 ? [1] : [value + 1, value - 1];
}

const BOOLEAN_TYPES = new Set(["TSBooleanKeyword", "TSTypePredicate"]);
const PREDICATE_TAKERS = new Set(["filter", "some", "every", "find", "findIndex"]);

const answers: Rule = (node, text, parents) => {
  const parent = parents.at(-1);
  if (node.type === "ReturnStatement") {
    const argument = nodeAt(node, "argument");
    const owner = parents.findLast((candidate) => FUNCTIONS.has(candidate.type));
    if (argument === null || owner === undefined || argument.type === "Literal") return [];
    if (isEquality(argument) || argument.type === "UnaryExpression") return [];
    return returnsBoolean(owner) || isBoolean(argument) ? [negated("answer negated", argument, text)] : [];
  }
  const body = nodeAt(node, "body");
  if (node.type !== "ArrowFunctionExpression" || body === null || body.type === "BlockStatement") return [];
  if (isEquality(body) || body.type === "UnaryExpression") return [];
  const callee = parent?.type === "CallExpression" ? nodeAt(parent, "callee") : null;
  const takesPredicate = callee !== null && PREDICATE_TAKERS.has(nameOf(callee["property"]) ?? "");
  return takesPredicate || isBoolean(body) ? [negated("answer negated", body, text)] : [];
};

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

function returnsBoolean(owner: SyntaxNode): boolean {
  const type = nodeAt(owner, "returnType");
  const inner = type === null ? null : nodeAt(type, "typeAnnotation");
  return inner !== null && BOOLEAN_TYPES.has(inner.type);
}

const statements: Rule = (node, text) => {
  const expression = nodeAt(node, "expression");
  if (node.type !== "ExpressionStatement" || expression === null) return [];
  const call = expression.type === "AwaitExpression" ? nodeAt(expression, "argument") : expression;
  const callee = call === null ? null : nodeAt(call, "callee");
  // `unreachable(…)` is the compiler's business.
  const isOutside = callee?.type === "Super" || nameOf(callee) === "unreachable";
  if (call === null || isLogCall(call) || isOutside) return [];
  const edits: Edit[] = [{ rule: "statement removed", start: node.start, end: node.end, replacement: ";" }];
  if (expression.type === "AwaitExpression") {
    const replacement = text.slice(call.start, call.end);
    edits.push({ rule: "await dropped", start: expression.start, end: expression.end, replacement });
  }
  return edits;
};

/** `if (…) return;` and the like: the way out is gone. */
const exits: Rule = (node, _, parents) => {
  const leaves =
    node.type === "ContinueStatement" || (node.type === "ReturnStatement" && node["argument"] === null);
  if (!leaves || parents.at(-1)?.type === "SwitchCase") return [];
  return [{ rule: "exit removed", start: node.start, end: node.end, replacement: ";" }];
};

const conditions: Rule = (node, text) => {
  const test = nodeAt(node, "test");
  if (test === null || !["IfStatement", "WhileStatement", "ConditionalExpression"].includes(node.type))
    return [];
  const edits: Edit[] = [];
  const isNegated = test.type === "UnaryExpression";
  if (!isBoolean(test) && !isNegated) edits.push(negated("condition negated", test, text));
  const [whenTrue, whenFalse] = [nodeAt(node, "consequent"), nodeAt(node, "alternate")];
  // Where the condition itself is turned round by another rule, swapping says the same again.
  const isTurned = isNegated || isEquality(test) || edits.length > 0;
  if (node.type === "ConditionalExpression" && !isTurned && whenTrue !== null && whenFalse !== null) {
    const replacement =
      text.slice(whenFalse.start, whenFalse.end) +
      text.slice(whenTrue.end, whenFalse.start) +
      text.slice(whenTrue.start, whenTrue.end);
    edits.push({ rule: "arms swapped", start: whenTrue.start, end: whenFalse.end, replacement });
  }
  return edits;
};

export const RULES: readonly Rule[] = [
  operators,
  counters,
  negations,
  extremes,
  literals,
  answers,
  statements,
  exits,
  conditions,
];

function negated(rule: string, node: SyntaxNode, text: string): Edit {
  const { start, end } = node;
  return { rule, start, end, replacement: `!(${text.slice(start, end)})` };
}

const COMPARISONS = new Set(["<", "<=", ">", ">=", "===", "!=="]);

/** Surely a boolean, by its own operator. */
function isBoolean(node: SyntaxNode): boolean {
  if (node.type === "BinaryExpression") return COMPARISONS.has(String(node["operator"]));
  if (node.type === "UnaryExpression") return node["operator"] === "!";
  if (node.type !== "LogicalExpression" || node["operator"] === "??") return false;
  return [node["left"], node["right"]].every((side) => isNode(side) && isBoolean(side));
}

/** Already turned round by the rule about operators. */
function isEquality(node: SyntaxNode): boolean {
  const { operator } = node;
  return node.type === "BinaryExpression" && (operator === "===" || operator === "!==");
}

function isText(node: SyntaxNode): boolean {
  return node.type === "TemplateLiteral" || (node.type === "Literal" && typeof node["value"] === "string");
}
