/** Takes what is sent to a queue, as the platform's broker would, and forgets it. */
const METRICS = { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 };

export default {
  async fetch(request: Request): Promise<Response> {
    await request.arrayBuffer();
    return Response.json({ metadata: { metrics: METRICS } });
  },
};
