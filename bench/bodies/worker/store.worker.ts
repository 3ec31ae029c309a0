/** Stands in for R2 in an isolate of its own, so that what it holds is not the gateway's. A body is gone once it has been read. */
const bodies = new Map<string, ArrayBuffer>();

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname: key } = new URL(request.url);
    if (request.method === "PUT") {
      bodies.set(key, await request.arrayBuffer());
      return new Response(null);
    }
    const body = bodies.get(key);
    bodies.delete(key);
    return body === undefined ? new Response(null, { status: 404 }) : new Response(body);
  },
};
