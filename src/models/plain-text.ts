/**
 * The shortest way for what an OpenAI-compatible stream consists of nearly always: pieces of plain text, and an ordinary end. They
 * are read here, off the bytes; from the first event on that is anything else (an error, a tool call, reasoning, nonsense) the
 * provider's package reads the rest, as if the text before had never been.
 */
import { createParser, type EventSourceParser } from "eventsource-parser";
import { readOpenAIEvents, type AnswerEvent } from "./answer-events.ts";
import { encodeEvent, letGo, readUntil } from "./answer-stream.ts";
import { endPieceOf, plainEndOf, plainTextOf, type EndPiece, type PlainEnd } from "./plain-events.ts";

export class PlainTextFirst {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  readonly #maxBytes: number;
  readonly #texts: string[] = [];
  /** What came after the text: the package's to read, unless it is an ordinary end. */
  readonly #others: AnswerEvent[] = [];
  readonly #read = readOpenAIEvents();
  /** From the finish reason on. */
  #endsAtMs: number | null = null;
  /** Its last event has been read. */
  #isComplete = false;
  #isOver = false;
  readonly #ending: EndPiece[] = [];
  #nextText = 0;
  #isPlain = true;
  #isCancelled = false;
  #bytes = 0;
  #broken: Error | null = null;

  constructor(body: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#reader = body.getReader();
    this.#maxBytes = maxBytes;
    this.#parser = createParser({ onEvent: (event) => this.#take(event) });
  }

  /** A piece of text that is here already. */
  take(): string | undefined {
    const text = this.#texts[this.#nextText];
    if (text !== undefined) {
      this.#nextText += 1;
      return text;
    }
    this.#texts.length = 0;
    this.#nextText = 0;
    return undefined;
  }

  /** The next piece of text, or the end; null: what follows is in `rest`. Never rejects: a break is there as well. */
  async next(): Promise<string | PlainEnd | null> {
    for (;;) {
      const text = this.take();
      if (text !== undefined) return text;
      if (!this.#isPlain) return null;
      try {
        if (await this.#readMore()) continue;
      } catch {
        this.#isPlain = false;
        return null;
      }
      this.#isPlain = false;
      return plainEndOf(this.#ending);
    }
  }

  cancel(): void {
    this.#isPlain = false;
    void this.#release();
  }

  /** What is not plain text, and all that follows. To be asked for once, and only after `next` has said so. */
  rest(): ReadableStream<Uint8Array> {
    const bytes = new TextEncoder();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            while (this.#others.length === 0) {
              if (await this.#readMore()) continue;
              controller.close();
              return;
            }
            const events = this.#others.splice(0);
            controller.enqueue(bytes.encode(events.map(encodeEvent).join("")));
          } catch (thrown) {
            // Gone already where it was cancelled meanwhile.
            if (!this.#isCancelled) controller.error(thrown);
          }
        },
        cancel: () => this.#release(),
      },
      { highWaterMark: 0 },
    );
  }

  /** Never rejects: a connection that was aborted is as good as closed. */
  async #release(): Promise<void> {
    this.#isCancelled = true;
    if (this.#isOver) return;
    await this.#reader.cancel().catch(() => undefined);
  }

  /** @returns false at the end @throws when the connection breaks or brings too much, and ever after */
  async #readMore(): Promise<boolean> {
    if (this.#broken !== null) throw this.#broken;
    if (this.#isOver) return false;
    const { done, value } = await readUntil(this.#reader, this.#endsAtMs);
    if (done) return this.#end();
    this.#bytes += value.byteLength;
    if (this.#bytes > this.#maxBytes) {
      this.#broken = new Error(`the answer is larger than ${this.#maxBytes} B`);
      await this.#reader.cancel();
      throw this.#broken;
    }
    this.#parser.feed(this.#decoder.decode(value, { stream: true }));
    if (this.#isComplete) this.#end();
    return true;
  }

  #end(): false {
    this.#isOver = true;
    void letGo(this.#reader);
    return false;
  }

  #take(event: AnswerEvent): void {
    if (this.#isComplete) return;
    if (this.#isPlain && this.#others.length === 0) {
      const text = plainTextOf(event.data);
      if (text !== null) {
        if (text !== "") this.#texts.push(text);
        return;
      }
    }
    const part = this.#read(event);
    if (part === null) return;
    const { data, endsAfterMs } = part;
    if (endsAfterMs !== undefined) this.#endsAtMs = Date.now() + endsAfterMs;
    this.#isComplete = endsAfterMs === 0;
    this.#others.push({ event: event.event, data });
    const piece = this.#isPlain ? endPieceOf(data) : null;
    if (piece === null) this.#isPlain = false;
    else this.#ending.push(piece);
  }
}
