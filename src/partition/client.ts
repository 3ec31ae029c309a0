/** How the rest of the gateway talks to partitions. Interface, and the one over Durable Object RPC. */
import type { SummaryReceipt } from "../core/event-summary.ts";
import type { LocationHint } from "../core/homes.ts";
import { partitionOf, type EventId, type PartitionName } from "../core/ids.ts";
import type {
  ClaimReply,
  ClaimRequest,
  EventView,
  ExchangeReply,
  ExchangeRequest,
  OfferReply,
  OfferRequest,
  OperatorReply,
  PartitionStatus,
  PokeReply,
  RecallReply,
  StoredEvent,
} from "../core/partition/commands.ts";
import type { AskReply, AskRequest, SettleReply, SettleRequest } from "../core/partition/decisions.ts";
import type { OperatorCommand } from "../core/partition/operate.ts";
import { retryDelayMs, type RetryPolicy } from "../core/retry.ts";

export interface PartitionClient {
  /** These repeat a call whose answer was lost; after that they throw the last error. */
  offer(request: OfferRequest): Promise<OfferReply>;
  claim(partition: PartitionName, request: ClaimRequest): Promise<ClaimReply>;
  exchange(partition: PartitionName, request: ExchangeRequest): Promise<ExchangeReply>;
  read(id: EventId): Promise<EventView | null>;
  status(partition: PartitionName): Promise<PartitionStatus | null>;
  operate(partition: PartitionName, command: OperatorCommand): Promise<OperatorReply>;
  /** Asks an older epoch's partition about an event. */
  recall(id: EventId): Promise<RecallReply>;
  /** Lets time pass: the sweep's way to wake a partition. */
  poke(partition: PartitionName): Promise<PokeReply>;
  /** The ledger has these: the partition stops telling them. */
  acknowledge(partition: PartitionName, receipts: readonly SummaryReceipt[]): Promise<void>;
  /** Forgets the customer: everything stored, large bodies included. */
  erase(partition: PartitionName): Promise<void>;
}

/** For senders that wait for an answer. Same repeats, same throws. */
export interface DecisionClient {
  ask(request: AskRequest): Promise<AskReply>;
  settle(request: SettleRequest): Promise<SettleReply>;
}

/** What only operators may do. */
export interface PartitionOperations extends PartitionClient {
  /** With the body: never for a log. */
  readEnvelope(id: EventId): Promise<StoredEvent | null>;
}

/** The methods of the object, as its stub offers them. */
export interface PartitionRpc {
  ask(request: AskRequest): Promise<AskReply>;
  settle(request: SettleRequest): Promise<SettleReply>;
  offer(request: OfferRequest): Promise<OfferReply>;
  claim(request: ClaimRequest): Promise<ClaimReply>;
  exchange(request: ExchangeRequest): Promise<ExchangeReply>;
  read(id: EventId): Promise<EventView | null>;
  readEnvelope(id: EventId): Promise<StoredEvent | null>;
  status(): Promise<PartitionStatus | null>;
  operate(command: OperatorCommand): Promise<OperatorReply>;
  recall(id: EventId): Promise<RecallReply>;
  poke(): Promise<PokeReply>;
  acknowledge(receipts: readonly SummaryReceipt[]): Promise<void>;
  erase(): Promise<void>;
}

export interface PartitionClientOptions {
  /** A new stub for every try: after an error a stub stays broken. */
  readonly stub: (partition: PartitionName, home?: LocationHint) => PartitionRpc;
  readonly attempts: number;
  readonly sleep: (delayMs: number) => Promise<void>;
  readonly random: () => number;
}

/** Between tries of one RPC: short, because a lease is running. */
const RPC_RETRY: RetryPolicy = {
  firstDelayMs: 100,
  factor: 3,
  jitter: 0.5,
  maxDelayMs: 2_000,
  maxRetries: 2,
};

export function createPartitionClient(options: PartitionClientOptions): PartitionOperations & DecisionClient {
  const call = async <Reply>(
    partition: PartitionName,
    use: (stub: PartitionRpc) => Promise<Reply>,
    home?: LocationHint,
  ): Promise<Reply> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await use(options.stub(partition, home));
      } catch (thrown) {
        if (attempt >= options.attempts || isOverloaded(thrown)) throw thrown;
        await options.sleep(retryDelayMs(RPC_RETRY, attempt, options.random()));
      }
    }
  };
  return {
    ask: (request) => call(request.envelope.partition, (stub) => stub.ask(request), request.envelope.home),
    settle: (request) => call(partitionOf(request.id), (stub) => stub.settle(request)),
    offer: (request) => call(request.partition, (stub) => stub.offer(request), request.events[0]?.home),
    claim: (partition, request) => call(partition, (stub) => stub.claim(request)),
    exchange: (partition, request) => call(partition, (stub) => stub.exchange(request)),
    read: (id) => call(partitionOf(id), (stub) => stub.read(id)),
    readEnvelope: (id) => call(partitionOf(id), (stub) => stub.readEnvelope(id)),
    status: (partition) => call(partition, (stub) => stub.status()),
    operate: (partition, command) => call(partition, (stub) => stub.operate(command)),
    recall: (id) => call(partitionOf(id), (stub) => stub.recall(id)),
    poke: (partition) => call(partition, (stub) => stub.poke()),
    acknowledge: (partition, receipts) => call(partition, (stub) => stub.acknowledge(receipts)),
    erase: (partition) => call(partition, (stub) => stub.erase()),
  };
}

/** An overloaded object only gets worse when it is called again at once. */
function isOverloaded(thrown: unknown): boolean {
  return (
    typeof thrown === "object" && thrown !== null && "overloaded" in thrown && thrown.overloaded === true
  );
}
