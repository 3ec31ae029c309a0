/** The OpenAPI document against somebody else's parser, and against the routes it is made of. */
import SwaggerParser from "@apidevtools/swagger-parser";
import { expect, it } from "vitest";
import { createOpenApiDocument } from "../../src/operator/openapi.ts";
import { referencePage } from "../../src/operator/reference-page.ts";
import { OPERATOR_ROUTES } from "../../src/operator/routes/all.ts";

const document = createOpenApiDocument(OPERATOR_ROUTES);
const text = JSON.stringify(document);

it("the document is valid OpenAPI 3.1, and every reference in it leads somewhere", async () => {
  const api: unknown = await SwaggerParser.validate(JSON.parse(text));
  expect(api).toMatchObject({ openapi: "3.1.0" });
});

it("the document has every operation once, with its parameters, body, answers and problems", () => {
  const ids = OPERATOR_ROUTES.map((route) => route.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(text).toContain(`"operationId":"${id}"`);
  expect(document).toMatchObject({
    paths: {
      "/admin/v1/events": {
        get: {
          parameters: expect.arrayContaining([
            expect.objectContaining({ name: "dedupeKey", in: "query", required: false }),
          ]),
        },
      },
      "/admin/v1/events/{id}/payload": {
        put: {
          parameters: [{ name: "id", in: "path", required: true }],
          requestBody: { content: { "application/json": { schema: { properties: { payload: {} } } } } },
          responses: { 200: {}, 401: {}, 409: {}, 413: {} },
        },
      },
    },
    components: { schemas: { Event: {}, EventDetail: {}, Partition: {}, Problem: {} } },
  });
});

it("everything that changes something is audited, and nothing that only reads needs more than it should", () => {
  for (const route of OPERATOR_ROUTES) {
    expect([route.id, route.isAudited]).toEqual([route.id, route.method !== "get"]);
    if (route.method !== "get") expect([route.id, route.scope]).not.toEqual([route.id, "read"]);
  }
});

it("the reference page shows every operation and takes nothing from elsewhere", () => {
  const page = referencePage(document);
  for (const route of OPERATOR_ROUTES) expect(page).toContain(`<article id="${route.id}">`);
  expect(page).not.toMatch(/<script|https?:\/\/|@import|url\(/);
  const nasty = referencePage({
    ...document,
    info: { title: "<script>alert(1)</script>", description: "`a` & <b>" },
  });
  expect(nasty).not.toContain("<script>");
  expect(nasty).toContain("<code>a</code> &amp; &lt;b&gt;");
});
