/** Queues and who consumes them: https://developers.cloudflare.com/api/resources/queues/ */
import { newId, type Account, type QueueRecord } from "./account.ts";
import { ApiError, jsonOf, paged, route, type Route } from "./call.ts";

const QUEUES = "/accounts/:account/queues";

export const QUEUE_ROUTES: readonly Route[] = [
  route("GET", QUEUES, ({ account, query }) => {
    const named = query.getAll("name");
    const queues = [...account.queues.values()].filter(
      (queue) => named.length === 0 || named.includes(queue.queue_name),
    );
    return paged(queues.map(viewOf));
  }),
  route("POST", QUEUES, (call) => {
    const { queue_name: name, settings = {}, jurisdiction } = jsonOf(call);
    const queues = [...call.account.queues.values()];
    if (queues.some((queue) => queue.queue_name === name)) {
      throw new ApiError(400, 11_009, `Queue name '${String(name)}' is already taken`);
    }
    const queue: QueueRecord = {
      queue_id: newId(),
      queue_name: String(name),
      settings: settings as QueueRecord["settings"], // as wrangler sends it
      jurisdiction: typeof jurisdiction === "string" ? jurisdiction : null,
      consumers: [],
    };
    call.account.queues.set(queue.queue_id, queue);
    return { result: viewOf(queue) };
  }),
  route("GET", `${QUEUES}/{id}`, ({ account, params }) => ({ result: viewOf(queueOf(account, params[0])) })),
  route("PATCH", `${QUEUES}/{id}`, (call) => {
    const queue = queueOf(call.account, call.params[0]);
    queue.settings = { ...queue.settings, ...(jsonOf(call)["settings"] as QueueRecord["settings"]) }; // as above
    return { result: viewOf(queue) };
  }),
  route("GET", `${QUEUES}/{id}/consumers`, ({ account, params }) =>
    paged(queueOf(account, params[0]).consumers),
  ),
  route("POST", `${QUEUES}/{id}/consumers`, (call) => {
    const queue = queueOf(call.account, call.params[0]);
    const consumer = { ...jsonOf(call), consumer_id: newId() };
    queue.consumers.push(consumer);
    return { result: consumer };
  }),
  route("PUT", `${QUEUES}/{id}/consumers/{consumer}`, (call) => {
    const queue = queueOf(call.account, call.params[0]);
    const at = queue.consumers.findIndex((consumer) => consumer["consumer_id"] === call.params[1]);
    if (at === -1) throw new ApiError(404, 11_001, "Consumer not found");
    const consumer = { ...jsonOf(call), consumer_id: call.params[1] };
    queue.consumers[at] = consumer;
    return { result: consumer };
  }),
];

function queueOf(account: Account, id = ""): QueueRecord {
  const queue = account.queues.get(id);
  if (queue === undefined) throw new ApiError(404, 11_000, "Queue not found");
  return queue;
}

function viewOf(queue: QueueRecord) {
  const now = "2026-01-01T00:00:00Z";
  return {
    ...queue,
    created_on: now,
    modified_on: now,
    producers: [],
    producers_total_count: 0,
    consumers_total_count: queue.consumers.length,
  };
}
