import assert from "node:assert/strict";
import test from "node:test";
import { testPipeline } from "sluice/testing";
import { triage } from "../src/pipelines/triage.ts";

await test("an urgent bug is told to the app as one", async () => {
  const message = {
    type: "message.received" as const,
    data: { message_id: "msg_1", customer_id: "cus_1", text: "The checkout is down!" },
  };
  const result = await testPipeline(triage, message, { model: () => ({ topic: "bug", urgent: true }) });
  assert(result.kind === "ready");
  assert.deepEqual(result.output.body, { messageId: "msg_1", topic: "bug", urgent: true });
});
