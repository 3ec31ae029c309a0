/** A model that is never called, for configs that are about something else: one with neither source nor model is refused. */
import { openaiCompatible } from "../../src/models/openai-compatible.ts";

export const SOME_MODELS = {
  small: openaiCompatible({ baseUrl: "https://models.example/v1", model: "small" }),
};
