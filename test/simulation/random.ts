/**
 * All chance of a simulation, from one seed. Each concern draws from a stream of its own, so that switching one
 * fault off does not change what the others draw.
 */
import { seededRandom } from "../../dev/lib/random.ts";

export class Chance {
  private readonly seed: number;
  private readonly source: ReturnType<typeof seededRandom>;

  constructor(seed: number) {
    this.seed = seed;
    this.source = seededRandom(seed);
  }

  /** A stream of its own: the same for the same seed and name. */
  stream(name: string): Chance {
    let mixed = this.seed ^ 0x9e3779b9;
    for (let index = 0; index < name.length; index++) {
      mixed = Math.imul(mixed ^ name.charCodeAt(index), 0x01000193) >>> 0;
    }
    return new Chance(mixed);
  }

  /** In [0, 1). */
  next(): number {
    return this.source.next();
  }

  happens(probability: number): boolean {
    return this.source.next() < probability;
  }

  /** Both included. */
  integer(low: number, high: number): number {
    return this.source.integer(low, high);
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return this.source.pick(items);
  }

  /** Mostly near `typicalMs`, now and then much more: how real networks answer. */
  latencyMs(typicalMs: number): number {
    const share = this.source.next();
    const factor = share < 0.9 ? 0.3 + share : share < 0.99 ? 3 : 12;
    return Math.max(1, Math.round(typicalMs * factor));
  }

  shuffle<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, at: this.source.next() }))
      .sort((left, right) => left.at - right.at)
      .map(({ item }) => item);
  }
}
