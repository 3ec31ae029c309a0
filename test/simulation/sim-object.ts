/**
 * The platform around one partition's real Durable Object: loading and losing it, holding answers back until
 * what they speak of is durable, and its one alarm.
 */
import type { PartitionRecord } from "../../src/core/partition/model.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { Context } from "./context.ts";
import type { PartitionClass, PartitionInstance } from "./object-module.ts";
import { never, type SimProcess } from "./process.ts";
import { SimDisk } from "./sim-disk.ts";
import { LoadedState } from "./sim-state.ts";

export interface ObjectCall {
  readonly method: string;
  readonly request: unknown;
}

/** Who watches the object from outside. */
export interface ObjectWatcher {
  callBegins(object: SimObject, call: ObjectCall): void;
  /** The call's own code has run; nothing of it is durable yet. */
  callDecided(object: SimObject, call: ObjectCall): void;
  answered(object: SimObject, call: ObjectCall, reply: unknown): void;
  flushed(object: SimObject, changed: ReturnType<SimDisk["flush"]>): void;
}

interface Loaded {
  readonly process: SimProcess;
  readonly state: LoadedState;
  readonly instance: PartitionInstance;
  /** Rejects calls under way when the object is lost. */
  readonly losers: Set<(reason: Error) => void>;
  waitingForFlush: (() => void)[];
}

const FLUSH_MS = 4;
const ALARM_LATENCY_MS = 10;
const ALARM_RETRIES = 6;
const FIRST_ALARM_RETRY_MS = 2_000;

export interface ObjectMemory {
  readonly partition: PartitionRecord;
  readonly openEvents: number;
}

export class SimObject {
  readonly name: PartitionName;
  readonly disk: SimDisk;
  /** The platform is running the alarm's handler: it owes another one if that fails. */
  alarmRunning = false;
  /** The platform has given up the alarm, and no command has been answered since at which the object could tell. */
  alarmTaken = false;
  /** What it was set for: while its own clock, set back, says so, an object believes that it stands. */
  private takenAlarmMs = 0;
  private readonly context: Context;
  private readonly objectClass: PartitionClass;
  private readonly lane: (name: string, object: SimObject) => unknown;
  private readonly watcher: ObjectWatcher;
  private loaded: Loaded | null = null;
  private alarmGeneration = 0;
  private scheduledAlarmMs: number | null = null;

  constructor(
    context: Context,
    name: PartitionName,
    label: string,
    objectClass: PartitionClass,
    lane: (name: string, object: SimObject) => unknown,
    watcher: ObjectWatcher,
  ) {
    this.context = context;
    this.name = name;
    this.disk = new SimDisk(name, label);
    this.objectClass = objectClass;
    this.lane = lane;
    this.watcher = watcher;
  }

  /** A request that reached the object. Rejects when the object is lost before the answer could leave. */
  async receive<Reply>(
    call: ObjectCall,
    use: (instance: PartitionInstance) => Reply | Promise<Reply>,
  ): Promise<Reply> {
    if (
      this.loaded?.losers.size === 0 &&
      !this.disk.dirty &&
      this.context.faults.strikes("object_evicted", 0.04)
    )
      this.lose("evicted");
    const loaded = this.load();
    return this.unlessLost(loaded, async () => {
      await loaded.state.ready;
      if (!loaded.process.alive) return never<Reply>();
      this.watcher.callBegins(this, call);
      const working = loaded.process.run(() => use(loaded.instance));
      this.watcher.callDecided(this, call);
      const reply = await working;
      await this.untilFlushed(loaded);
      if (this.nowMs() > this.takenAlarmMs) this.alarmTaken = false;
      this.watcher.answered(this, call, reply);
      return reply;
    });
  }

  /** What the loaded object believes, past its methods: `status` would read its disk. null when it is not loaded. */
  memory(): ObjectMemory | null {
    if (this.loaded === null) return null;
    const { instance } = this.loaded;
    const partition = Reflect.get(instance, "partition") as PartitionRecord; // private to the class
    const store = Reflect.get(instance, "store") as Pick<ObjectMemory, "openEvents">; // as above
    return { partition, openEvents: store.openEvents };
  }

  nowMs(): number {
    return this.loaded?.process.nowMs() ?? this.context.clock.nowMs;
  }

  lose(reason: string): void {
    const { loaded } = this;
    if (loaded === null) return;
    this.context.trace.line(`${this.disk.label} lost: ${reason}`);
    this.loaded = null;
    this.disk.rollback();
    loaded.process.die();
    for (const reject of loaded.losers) reject(new Error(`the object was reset: ${reason}`));
  }

  /** For messages that leave the object on its own account. */
  async untilSendable(): Promise<SimProcess> {
    const { loaded } = this;
    if (loaded === null) throw new Error("the object was reset");
    await this.untilFlushed(loaded);
    return loaded.process;
  }

  private load(): Loaded {
    if (this.loaded !== null) return this.loaded;
    const process = this.context.startProcess("object", this.disk.label);
    const state = new LoadedState(this.context, this.disk, process);
    this.disk.onDirty = () => this.scheduleFlush(process);
    const env = Object.fromEntries(
      ["LANE_HIGH", "LANE_NORMAL", "LANE_LOW", "TELEMETRY"].map((name) => [name, this.lane(name, this)]),
    );
    try {
      const instance = process.run(() => new this.objectClass(state, env));
      this.loaded = { process, state, instance, losers: new Set(), waitingForFlush: [] };
      return this.loaded;
    } catch (thrown) {
      this.disk.rollback();
      process.die();
      throw thrown;
    }
  }

  private async unlessLost<Value>(loaded: Loaded, work: () => Promise<Value>): Promise<Value> {
    const lost = Promise.withResolvers<never>();
    loaded.losers.add(lost.reject);
    try {
      return await Promise.race([work(), lost.promise]);
    } finally {
      loaded.losers.delete(lost.reject);
    }
  }

  private untilFlushed(loaded: Loaded): Promise<void> {
    if (!this.disk.dirty) return Promise.resolve();
    return new Promise((resolve) => loaded.waitingForFlush.push(resolve));
  }

  private scheduleFlush(process: SimProcess): void {
    const delayMs = this.context.chance.latencyMs(FLUSH_MS);
    this.context.clock.schedule(delayMs, `${this.disk.label} flush`, () => this.flush(), process);
  }

  private flush(): void {
    const { loaded, context } = this;
    if (loaded === null) return;
    if (context.faults.strikes("commit_refused", 0.01)) return this.lose("commit refused");
    if (context.faults.strikes("object_crashed_before_commit", 0.02)) return this.lose("before commit");
    const changed = this.disk.flush();
    this.followAlarm();
    this.watcher.flushed(this, changed);
    if (context.faults.strikes("object_crashed_after_commit", 0.02)) return this.lose("after commit");
    if (context.faults.strikes("clock_went_back", 0.01)) context.setBackClock(loaded.process);
    const waiting = loaded.waitingForFlush;
    loaded.waitingForFlush = [];
    for (const goOn of waiting) goOn();
  }

  /** The platform keeps one alarm, the last one set. */
  private followAlarm(): void {
    const atMs = this.disk.alarmMs;
    if (atMs === this.scheduledAlarmMs) return;
    this.scheduledAlarmMs = atMs;
    const generation = ++this.alarmGeneration;
    if (atMs !== null) this.scheduleAlarm(atMs - this.context.clock.nowMs, generation, 0);
  }

  private scheduleAlarm(delayMs: number, generation: number, failures: number): void {
    const { faults, chance, clock } = this.context;
    const lateMs = faults.strikes("alarm_delayed", 0.05)
      ? faults.stream("alarm_delayed").integer(5_000, 180_000)
      : 0;
    const atMs = Math.max(0, delayMs) + chance.latencyMs(ALARM_LATENCY_MS) + lateMs;
    clock.schedule(atMs, `${this.disk.label} alarm`, () => {
      if (generation === this.alarmGeneration) void this.fireAlarm(generation, failures);
    });
  }

  private async fireAlarm(generation: number, failures: number): Promise<void> {
    const { faults, trace } = this.context;
    if (faults.strikes("alarm_dropped", 0.08)) {
      trace.line(`${this.disk.label} alarm dropped by the platform`);
      this.takenAlarmMs = this.disk.alarmMs ?? 0;
      this.loseAlarm();
      this.alarmTaken = true;
      if (faults.stream("alarm_dropped").happens(0.5)) this.lose("with its alarm");
      return;
    }
    this.alarmRunning = true;
    try {
      await this.receive({ method: "alarm", request: null }, (instance) => {
        this.loseAlarm();
        return instance.alarm();
      });
    } catch {
      // A newer alarm stands in for the one that failed.
      if (generation !== this.alarmGeneration || this.disk.alarmMs !== null) return;
      if (failures >= ALARM_RETRIES) {
        trace.line(`${this.disk.label} alarm given up`);
        return;
      }
      const delayMs = FIRST_ALARM_RETRY_MS * 2 ** failures;
      this.disk.alarmMs = this.context.clock.nowMs + delayMs;
      this.disk.workingAlarmMs ??= this.disk.alarmMs;
      this.scheduledAlarmMs = this.disk.alarmMs;
      this.scheduleAlarm(delayMs, generation, failures + 1);
    } finally {
      this.alarmRunning = false;
    }
  }

  private loseAlarm(): void {
    // One that was set meanwhile, and is not flushed yet, stands.
    if (this.disk.workingAlarmMs === this.disk.alarmMs) this.disk.workingAlarmMs = null;
    this.disk.alarmMs = null;
    this.scheduledAlarmMs = null;
  }
}
