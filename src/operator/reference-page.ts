/** The reference page of the operator API: one HTML document made of the OpenAPI document. No script, nothing from elsewhere. */
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";

export function referencePage(document: JsonObject): string {
  const operations = operationsOf(document);
  const tags = [...new Set(operations.map((operation) => operation.tag))];
  const components = objectAt(objectAt(document, "components"), "schemas");
  const sections = tags.map((tag) => {
    const own = operations.filter((operation) => operation.tag === tag);
    return `<section><h2>${escape(tag)}</h2>${own.map(operationHtml).join("")}</section>`;
  });
  const schemas = Object.entries(components).map(
    ([name, schema]) =>
      `<details id="schema-${escape(name)}"><summary><code>${escape(name)}</code></summary>${schemaHtml(schema)}</details>`,
  );
  const info = objectAt(document, "info");
  const index = operations.map(
    ({ id, summary }) => `<li><a href="#${escape(id)}">${escape(summary)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(textAt(info, "title"))}</title><style>${STYLE}</style></head>
<body><main><h1>${escape(textAt(info, "title"))}</h1><p>${inline(textAt(info, "description"))}</p>
<p>The document for tools: <a href="openapi.json">openapi.json</a></p>
<nav aria-label="Operations"><ul>${index.join("")}</ul></nav>
${sections.join("\n")}<section><h2>Schemas</h2>${schemas.join("")}</section></main></body></html>`;
}

interface Operation {
  readonly id: string;
  readonly tag: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly definition: JsonObject;
}

function operationsOf(document: JsonObject): Operation[] {
  return Object.entries(objectAt(document, "paths")).flatMap(([path, methods]) =>
    Object.entries(isJsonObject(methods) ? methods : {}).map(([method, value]) => {
      const definition = isJsonObject(value) ? value : {};
      const tags = definition["tags"];
      const [tag] = Array.isArray(tags) ? tags : [];
      return {
        id: textAt(definition, "operationId"),
        tag: typeof tag === "string" ? tag : "",
        method,
        path,
        summary: textAt(definition, "summary"),
        definition,
      };
    }),
  );
}

function operationHtml({ id, method, path, summary, definition }: Operation): string {
  const parameters = arrayAt(definition, "parameters").filter(isJsonObject);
  const rows = parameters.map(
    (parameter) =>
      `<tr><td><code>${escape(textAt(parameter, "name"))}</code></td><td>${escape(textAt(parameter, "in"))}${
        parameter["required"] === true ? ", required" : ""
      }</td><td>${typeHtml(parameter["schema"])}</td><td>${inline(textAt(parameter, "description"))}</td></tr>`,
  );
  const body = contentSchema(definition["requestBody"]);
  const responses = Object.entries(objectAt(definition, "responses")).map(
    ([status, response]) =>
      `<li><code>${escape(status)}</code> ${escape(isJsonObject(response) ? textAt(response, "description") : "")} ${typeHtml(contentSchema(response))}</li>`,
  );
  return `<article id="${escape(id)}"><h3>${escape(summary)}</h3>
<p class="call"><b>${escape(method.toUpperCase())}</b> <code>${escape(path)}</code></p>
${textAt(definition, "description")
  .split("\n\n")
  .map((paragraph) => `<p>${inline(paragraph)}</p>`)
  .join("")}
${rows.length === 0 ? "" : `<table><thead><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table>`}
${body === undefined ? "" : `<h4>Body</h4>${schemaHtml(body)}`}
<h4>Answers</h4><ul>${responses.join("")}</ul></article>`;
}

function contentSchema(holder: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonObject(holder)) return undefined;
  const [content] = Object.values(objectAt(holder, "content"));
  return isJsonObject(content) ? content["schema"] : undefined;
}

/** A type in a word, with a link where it has a name. */
function typeHtml(schema: JsonValue | undefined): string {
  if (!isJsonObject(schema)) return "";
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    const name = escape(reference.slice(reference.lastIndexOf("/") + 1));
    return `<a href="#schema-${name}"><code>${name}</code></a>`;
  }
  const union = [...arrayAt(schema, "anyOf"), ...arrayAt(schema, "oneOf")];
  if (union.length > 0) return union.map(typeHtml).join(" or ");
  const words = schema["enum"];
  if (Array.isArray(words)) return words.map((word) => `<code>${escape(String(word))}</code>`).join(", ");
  if (schema["const"] !== undefined) return `<code>${escape(JSON.stringify(schema["const"]))}</code>`;
  const type = textAt(schema, "type");
  if (type === "array") return `array of ${typeHtml(schema["items"])}`;
  return escape(type === "" ? "any" : type);
}

function schemaHtml(schema: JsonValue): string {
  if (!isJsonObject(schema)) return "";
  const properties = Object.entries(objectAt(schema, "properties"));
  if (properties.length === 0) return `<p>${typeHtml(schema)}</p>`;
  const required = arrayAt(schema, "required");
  const rows = properties.map(([name, property]) => {
    const description = isJsonObject(property) ? textAt(property, "description") : "";
    const mark = required.includes(name) ? "" : " <small>optional</small>";
    return `<tr><td><code>${escape(name)}</code>${mark}</td><td>${typeHtml(property)}</td><td>${inline(description)}</td></tr>`;
  });
  return `<table><tbody>${rows.join("")}</tbody></table>`;
}

function objectAt(holder: JsonObject, key: string): JsonObject {
  const value = holder[key];
  return isJsonObject(value) ? value : {};
}

function arrayAt(holder: JsonObject, key: string): readonly JsonValue[] {
  const value = holder[key];
  return Array.isArray(value) ? value : [];
}

function textAt(holder: JsonObject, key: string): string {
  const value = holder[key];
  return typeof value === "string" ? value : "";
}

/** Words in backticks are code. */
function inline(text: string): string {
  return escape(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;margin:0 auto;padding:1rem}
table{border-collapse:collapse;display:block;overflow-x:auto}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8884}
code{font-family:ui-monospace,monospace;font-size:.9em}article{margin:2rem 0;padding-top:1rem;border-top:1px solid #8884}.call{overflow-x:auto}
nav ul{columns:18rem}h4{margin-bottom:.25rem}details{margin:.5rem 0}`;
