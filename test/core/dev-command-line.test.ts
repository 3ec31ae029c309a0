import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { commandLine, PORTS, readArguments } from "../../dev/lib/command-line.ts";

const USAGE = "npm run thing -- [options]\n  --count 3            how many";
const CONFIG = {
  options: {
    count: { type: "string", default: "3" },
    name: { type: "string" },
    loud: { type: "boolean", default: false },
  },
} as const;

/** Thrown where the process would end. */
class Exit extends Error {}

/** What a terminal sees of a command that reads its arguments and then values. */
function run(args: readonly string[], then: (command: ReturnType<typeof start>) => unknown = () => null) {
  const seen = { shown: "", complained: "", code: null as number | null };
  const terminal = {
    args,
    show: (text: string) => void (seen.shown += text),
    complain: (text: string) => void (seen.complained += text),
    exit: (code: number): never => {
      seen.code = code;
      throw new Exit();
    },
  };
  let value: unknown;
  try {
    value = then(start(terminal));
  } catch (thrown) {
    if (!(thrown instanceof Exit)) throw thrown;
  }
  return { ...seen, value };
}

function start(terminal: Parameters<typeof commandLine>[2]) {
  return commandLine(USAGE, CONFIG, terminal);
}

describe("a command line", () => {
  it.each([["--help"], ["-h"]])("answers %s with the usage alone, and exits 0", (option) => {
    expect(run([option])).toEqual({ shown: USAGE, complained: "", code: 0, value: undefined });
  });

  it("answers --help also beside what it does not know", () => {
    expect(run(["--nonsense", "--help"]).code).toBe(0);
    expect(run(["--help", "more", "--count", "x"]).code).toBe(0);
  });

  it("takes --help for a value where it is one, and for no option behind --", () => {
    expect(readArguments(CONFIG, ["--name=--help"])).toMatchObject({
      parsed: { values: { name: "--help" } },
    });
    const taking = { ...CONFIG, allowPositionals: true } as const;
    expect(readArguments(taking, ["--", "--help"])).toMatchObject({ parsed: { positionals: ["--help"] } });
  });

  it.each([
    [["--nonsense"], "--nonsense"],
    [["-x"], "-x"],
    [["nonsense"], "nonsense"],
    [["--count"], "--count"],
    [["--name", "--loud"], "--name"],
    [["--loud=yes"], "--loud"],
  ])("refuses %j: a line that names it, the usage below, exit 2", (args, name) => {
    const { shown, complained, code } = run(args);
    expect(code).toBe(2);
    expect(shown).toBe("");
    const [line = "", gap, ...usage] = complained.split("\n");
    expect(line).toContain(name);
    expect([gap, usage.join("\n")]).toEqual(["", USAGE]);
  });

  it("gives what parseArgs gives, defaults and all", () => {
    const { value, code } = run(["--loud"], ({ values }) => values);
    expect(value).toEqual({ count: "3", loud: true });
    expect(code).toBeNull();
  });

  it("hides no mistake in the command's own configuration", () => {
    const config = { options: { count: { type: "string", short: "too long" } } } as const;
    expect(() => readArguments(config, [])).toThrow("short");
  });
});

describe("a value on a command line", () => {
  it.each(["x", "", " ", "1.5", "0", "-1", "Infinity", "NaN", "9007199254740993"])(
    "of %j is no whole number of 1 or more",
    (text) => {
      const { complained, code } = run([], ({ wholeNumber }) => wholeNumber("--count", text, { atLeast: 1 }));
      expect(complained.split("\n")[0]).toBe(`--count must be a whole number of 1 or more, not "${text}"`);
      expect(code).toBe(2);
    },
  );

  it("is a number where it is one", () => {
    expect(run([], ({ wholeNumber }) => wholeNumber("--count", "1", { atLeast: 1 })).value).toBe(1);
    expect(run([], ({ number }) => number("--delay", "0.5", { atLeast: 0 })).value).toBe(0.5);
    expect(run([], ({ number }) => number("--delay", "abc", { atLeast: 0 })).code).toBe(2);
  });

  it("has an upper end where the range has one", () => {
    const port = (text: string) => run([], ({ wholeNumber }) => wholeNumber("--port", text, PORTS));
    expect(port("65535").value).toBe(65_535);
    expect(port("65536").complained).toContain('--port must be a whole number from 0 to 65535, not "65536"');
  });

  it("is one of the words that it may be", () => {
    const only = (text: string) => run([], ({ oneOf }) => oneOf("--only", text, ["a", "b", "c"]));
    expect(only("b").value).toBe("b");
    expect(only("d").complained).toContain('--only must be a, b or c, not "d"');
  });

  it.each(["localhost:8787", "nonsense", "ftp://x"])("of %j is no address of HTTP", (text) => {
    expect(run([], ({ url }) => url("--url", text))).toMatchObject({ code: 2 });
    expect(run([], ({ url }) => url("--url", "http://x:1")).value).toBe("http://x:1");
  });
});

/**
 * Scripts of package.json that run a file of ours with Node. The command `sluice` reads its arguments with a library, and
 * the build takes none.
 */
function commands(): readonly (readonly [name: string, file: string])[] {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync("package.json", "utf8"));
  return Object.entries(scripts).flatMap(([name, script]) => {
    const file = /^node (\S+\.ts)/.exec(script)?.[1];
    const isOther = file === "src/cli/main.ts" || file === "dev/build.ts";
    return file === undefined || isOther ? [] : [[name, file] as const];
  });
}

describe("every command of package.json", () => {
  it.each(commands())(
    "npm run %s reads its arguments through commandLine, under its own name",
    (name, file) => {
      const source = readFileSync(file, "utf8");
      expect(source).toMatch(/import \{[^}]*\bcommandLine\b[^}]*\} from "[^"]+\/lib\/command-line\.ts"/);
      expect(source).toContain("commandLine(USAGE,");
      expect(source).toMatch(new RegExp(`const USAGE = \`npm run ${name}(?: --.*)?\n`));
    },
  );

  it.each(commands())("npm run %s tells of each of its options in its usage", (_name, file) => {
    const source = readFileSync(file, "utf8");
    const [, usage = ""] = /const USAGE = `((?:[^`\\]|\\.)*)`/.exec(source) ?? [];
    for (const [, option] of source.matchAll(/"?([\w-]+)"?: \{ type: "(?:string|boolean)"/g)) {
      expect(usage).toMatch(new RegExp(`^  --${option}(?: |$)`, "m"));
    }
  });

  it.each(commands())("npm run %s loads wrangler after its arguments are read", (_name, file) => {
    expect(readFileSync(file, "utf8")).not.toMatch(
      /^import (?!type).*from "(?:wrangler|vitest\/node|.*\/local-gateway\.ts)"/m,
    );
  });

  it("is found: there are many", () => expect(commands().length).toBeGreaterThan(15));

  it("leaves parseArgs to commandLine, and nobody looks at the arguments by hand", () => {
    // A child that its own parent starts.
    const apart = new Set(["dev/lib/command-line.ts", "dev/mutants/test-process.ts"]);
    const sources = globSync("{dev,bench,test}/**/*.ts").filter(
      (file) => !apart.has(file) && !file.endsWith(".test.ts"),
    );
    expect(
      sources.filter((file) => /\bparseArgs\b|process\.argv\b/.test(readFileSync(file, "utf8"))),
    ).toEqual([]);
  });
});
