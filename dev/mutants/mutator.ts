/** The vite plugin that makes one file wrong on its way from the disk. At most one mutant at a time. */
import path from "node:path";
import type { Plugin } from "vitest/config";
import type { MutantOrder } from "./mutant.ts";

export class Mutator {
  /** True once a test has loaded the mutated file. */
  applied = false;
  private order: MutantOrder | null = null;
  private readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** @returns the files that are different from now on */
  use(order: MutantOrder | null): string[] {
    const files = [this.order, order].flatMap((one) => (one === null ? [] : path.join(this.root, one.file)));
    this.order = order;
    this.applied = false;
    return [...new Set(files)];
  }

  plugin(): Plugin {
    return {
      name: "sluice-mutator",
      enforce: "pre",
      transform: (code, id) => {
        const { order } = this;
        if (order === null || id.split("?")[0] !== path.join(this.root, order.file)) return undefined;
        if (code.slice(order.start, order.end) !== order.expected) return undefined;
        this.applied = true;
        return { code: code.slice(0, order.start) + order.replacement + code.slice(order.end), map: null };
      },
    };
  }
}
