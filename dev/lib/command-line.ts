/**
 * What a command was told, read once and before anything is started: `--help` prints the usage and exits 0, what is not understood is said in one
 * line with the usage below it and exits 2. Knows no command, and never shows a stack for what was only mistyped.
 */
import { parseArgs, type ParseArgsConfig } from "node:util";

const EXIT_UNDERSTOOD = 0;
/** As shells do: told wrong. 1 is for a run that failed. */
const EXIT_REFUSED = 2;

/** Where words come from and go to: the process, or a test. */
export interface Terminal {
  readonly args: readonly string[];
  readonly show: (text: string) => void;
  readonly complain: (text: string) => void;
  readonly exit: (code: number) => never;
}

type Parsed<Config extends ParseArgsConfig> = ReturnType<typeof parseArgs<Config>>;

export type Reading<Config extends ParseArgsConfig> =
  | { readonly kind: "run"; readonly parsed: Parsed<Config> }
  | { readonly kind: "help" }
  | { readonly kind: "refused"; readonly why: string };

export interface NumberRange {
  readonly atLeast: number;
  readonly atMost?: number;
}

/** A server's own. 0 takes a free one. */
export const PORTS: NumberRange = { atLeast: 0, atMost: 65_535 };

/** Readers of single values. `option` is what is typed, dashes and all; each ends the process where the text is not what it must be. */
export interface ValueReaders {
  readonly number: (option: string, text: string, range: NumberRange) => number;
  readonly wholeNumber: (option: string, text: string, range: NumberRange) => number;
  readonly oneOf: <const Word extends string>(option: string, text: string, words: readonly Word[]) => Word;
  /** Of HTTP. As it was given. */
  readonly url: (option: string, text: string) => string;
  /** For what only the command can judge. */
  readonly refuse: (why: string) => never;
}

/** Pure. `--help` and `-h` win over anything else that is said, but not over a value or what stands behind `--`. */
export function readArguments<const Config extends ParseArgsConfig>(
  config: Config,
  args: readonly string[],
): Reading<Config> {
  if (asksForHelp(config, args)) return { kind: "help" };
  const withArgs: Config = { ...config, args };
  try {
    return { kind: "run", parsed: parseArgs<Config>(withArgs) };
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    return { kind: "refused", why: thrown.message.replaceAll(/\s*\n\s*/g, " ") };
  }
}

/** @param usage its first line is how the command is called, then a line for each option with its default */
export function commandLine<const Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
  terminal: Terminal = processTerminal,
): Parsed<Config> & ValueReaders {
  const refuse = (why: string): never => {
    terminal.complain(`${why}\n\n${usage}`);
    return terminal.exit(EXIT_REFUSED);
  };
  const reading = readArguments(config, terminal.args);
  if (reading.kind === "help") {
    terminal.show(usage);
    return terminal.exit(EXIT_UNDERSTOOD);
  }
  if (reading.kind === "refused") return refuse(reading.why);
  return Object.assign(reading.parsed, readersOf(refuse));
}

function readersOf(refuse: (why: string) => never): ValueReaders {
  const read = (what: string, isRight: (value: number) => boolean): ValueReaders["number"] => {
    return (option, text, { atLeast, atMost = Number.POSITIVE_INFINITY }) => {
      // An empty text would be 0.
      const value = text.trim() === "" ? Number.NaN : Number(text);
      if (isRight(value) && value >= atLeast && value <= atMost) return value;
      const range =
        atMost === Number.POSITIVE_INFINITY ? `of ${atLeast} or more` : `from ${atLeast} to ${atMost}`;
      return refuse(`${option} must be ${what} ${range}, not "${text}"`);
    };
  };
  return {
    refuse,
    number: read("a number", Number.isFinite),
    wholeNumber: read("a whole number", Number.isSafeInteger),
    oneOf: (option, text, words) =>
      words.find((word) => word === text) ?? refuse(`${option} must be ${orList(words)}, not "${text}"`),
    url: (option, text) =>
      /^https?:$/.test(URL.parse(text)?.protocol ?? "")
        ? text
        : refuse(`${option} must be an address that begins with http:// or https://, not "${text}"`),
  };
}

function asksForHelp(config: ParseArgsConfig, args: readonly string[]): boolean {
  const options = { ...config.options, help: { type: "boolean", short: "h" } } as const;
  const { tokens } = parseArgs({ options, args, strict: false, tokens: true });
  return tokens.some((token) => token.kind === "option" && token.name === "help");
}

/** Of what was typed. Anything else that `parseArgs` throws is a mistake in the command itself. */
function isRefusal(thrown: unknown): thrown is Error {
  return thrown instanceof Error && "code" in thrown && String(thrown.code).startsWith("ERR_PARSE_ARGS_");
}

function orList(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
}

const processTerminal: Terminal = {
  args: process.argv.slice(2),
  show: (text) => console.log(text),
  complain: (text) => console.error(text),
  exit: (code) => process.exit(code),
};
