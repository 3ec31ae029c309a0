/** Headers beside the signature: media types, codings, ids, sizes. */
import { one, type Made, type Mutation } from "../mutation.ts";
import { headerBytes, headerOf, withExtraHeader, withHeader, type FuzzRequest } from "../request.ts";
import type { Workshop } from "../workshop.ts";

export const HEADERS: readonly Mutation[] = [
  { kind: "header: any one twice", make: changed(twice) },
  { kind: "header: any one, one bit", make: changed(oneBit) },
  {
    kind: "header: any one removed",
    make: changed((workshop, request) => withHeader(request, anyName(workshop, request), null)),
  },
  {
    kind: "header: any one empty",
    make: changed((workshop, request) => withHeader(request, anyName(workshop, request), "")),
  },
  {
    kind: "header: any one long",
    make: changed((workshop, request) =>
      withHeader(
        request,
        anyName(workshop, request),
        workshop.random.token(workshop.random.integer(4_000, 6_000)),
      ),
    ),
  },
  {
    kind: "header: any one in look-alikes",
    make: changed((workshop, request) =>
      withHeader(request, anyName(workshop, request), headerBytes("ｓｔｒｉｐｅ‮💣")),
    ),
  },
  {
    kind: "header: many",
    make: changed(({ random }, request) => ({
      ...request,
      headers: [
        ...request.headers,
        ...Array.from({ length: 90 }, (_, n) => [`x-fuzz-${n}`, random.token(40)] as const),
      ],
    })),
  },
  {
    kind: "media type: another",
    make: changed(({ random }, request) => withHeader(request, "content-type", random.pick(MEDIA_TYPES))),
  },
  { kind: "media type: none", make: changed((_, request) => withHeader(request, "content-type", null)) },
  {
    kind: "media type: twice",
    make: changed((_, request) => withExtraHeader(request, "content-type", "application/json")),
  },
  {
    kind: "coding: said, not done",
    make: changed(({ random }, request) =>
      withHeader(request, "content-encoding", random.pick(["gzip", "br", "identity", "IDENTITY, gzip", "x"])),
    ),
  },
  {
    kind: "header: a trace from elsewhere",
    make: changed(({ random }, request) => withHeader(request, "traceparent", random.pick(TRACES))),
  },
  {
    kind: "header: a dialogue that nobody asked for",
    make: changed(({ random }, request) =>
      withHeader(
        request,
        "x-hook-secret",
        random.pick(["secret", '{"events":[]}', headerBytes("ü"), "a".repeat(600)]),
      ),
    ),
  },
];

const MEDIA_TYPES = [
  "text/plain",
  "multipart/form-data; boundary=x",
  "application/x-www-form-urlencoded",
  "application/json; charset=utf-16",
  "application/json; charset=",
  "application/jsonx",
  "application/+json",
  ";;;",
  "application/json,application/json",
  `application/${"a".repeat(300)}+json`,
] as const;

const TRACES = [
  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "00-00000000000000000000000000000000-0000000000000000-00",
  "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "a".repeat(3_000),
  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01, 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
] as const;

function changed(change: (workshop: Workshop, request: FuzzRequest) => FuzzRequest) {
  return async (workshop: Workshop): Promise<Made> =>
    one("either", change(workshop, await workshop.signed()));
}

function anyName({ random }: Workshop, request: FuzzRequest): string {
  return request.headers[random.integer(0, request.headers.length - 1)]?.[0] ?? "";
}

function twice(workshop: Workshop, request: FuzzRequest): FuzzRequest {
  const name = anyName(workshop, request);
  return withExtraHeader(
    request,
    name,
    workshop.random.integer(0, 1) === 0 ? "other" : (headerOf(request, name) ?? ""),
  );
}

function oneBit(workshop: Workshop, request: FuzzRequest): FuzzRequest {
  const { random } = workshop;
  const name = anyName(workshop, request);
  const value = headerOf(request, name) ?? "";
  if (value === "") return request;
  const at = random.integer(0, value.length - 1);
  const code = value.charCodeAt(at) ^ (1 << random.integer(0, 6));
  const character = code < 0x20 || code === 0x7f ? "~" : String.fromCharCode(code);
  return withHeader(request, name, value.slice(0, at) + character + value.slice(at + 1));
}
