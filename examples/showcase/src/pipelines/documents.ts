/**
 * A document's way as a chain of events: text extraction → entities → classification. Each step is an event of
 * its own, linked to its parent, in the same partition and trace, and can be replayed alone.
 */
import * as z from "zod";
import { definePipeline, grounded } from "sluice";

export const documentReceived = z.object({
  type: z.literal("document.received"),
  data: z.object({
    document_id: z.string(),
    customer_id: z.string(),
    title: z.string().max(500),
    /** Plain text or simple HTML. */
    text: z.string().max(200_000),
  }),
});

const extractedText = z.object({
  /** The sender's delivery, carried along the chain. */
  reference: z.nullable(z.string()),
  documentId: z.string(),
  title: z.string(),
  text: z.string(),
});
const entity = z.object({ text: z.string().max(300), type: z.string().max(60) });
const textWithEntities = extractedText.extend({ entities: z.array(entity) });

/** No model: markup and layout go, words stay. */
export const documentText = definePipeline({
  name: "document-text",
  input: documentReceived,
  format: ({ input: { data } }, { headers }) => ({
    body: { documentId: data.document_id },
    emit: [
      {
        pipeline: "document-entities",
        type: "document.text_extracted",
        payload: {
          reference: headers["webhook-id"] ?? null,
          documentId: data.document_id,
          title: data.title,
          text: plainText(data.text),
        },
      },
    ],
  }),
  deliver: [],
  emits: ["document-entities"],
});

export const documentEntities = definePipeline({
  name: "document-entities",
  input: extractedText,
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({ entities: z.array(entity).max(200) }),
    prompt: ({ title, text }) => ({
      instruction:
        "List the people, organisations, dates, amounts and addresses that the document names, word for word.",
      data: { document: `${title}\n\n${text}` },
    }),
    checks: [
      grounded(
        ({ entities }) => entities.map((one) => one.text),
        ({ title, text }) => `${title}\n\n${text}`,
      ),
    ],
    onDegraded: "review",
  },
  format: ({ input, output }) => ({
    body: { documentId: input.documentId },
    emit: [
      {
        pipeline: "document-classify",
        type: "document.entities_found",
        payload: { ...input, entities: output.entities },
      },
    ],
  }),
  deliver: [],
  emits: ["document-classify"],
});

export const documentClassify = definePipeline({
  name: "document-classify",
  input: textWithEntities,
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({
      category: z.enum(["invoice", "contract", "complaint", "report", "other"]),
      summary: z.string().max(2_000),
    }),
    prompt: ({ title, text }) => ({
      instruction: "Say what kind of document this is, and sum it up in at most three sentences.",
      data: { document: `${title}\n\n${text}` },
    }),
    onDegraded: "retry",
  },
  format: ({ input, output }) => ({
    type: "document.classified",
    body: {
      reference: input.reference,
      documentId: input.documentId,
      title: input.title,
      ...output,
      entities: input.entities,
    },
  }),
  deliver: ["archive"],
});

function plainText(markup: string): string {
  return markup
    .replaceAll(/<(script|style)\b[^>]*>[\s\S]*?<\/\1>/gi, " ")
    .replaceAll(/<[^>]{0,2000}>/g, " ")
    .replaceAll(/[ \t]+/g, " ")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}
