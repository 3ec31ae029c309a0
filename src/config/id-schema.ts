/** A schema for ids that senders write as numbers. */
import * as z from "zod";

/**
 * Takes an id as a text or as a whole number, and gives a text. A JSON integer beyond 2^53 reaches a schema as the text of
 * its digits, a smaller one as a number: with this both are of one type.
 *
 * @example z.object({ customer: z.object({ id: id() }) }) // { id: 7 } and { id: 115310627314723954 } both give a string
 */
export function id() {
  return z.union([z.string().min(1), z.int()]).transform(String);
}
