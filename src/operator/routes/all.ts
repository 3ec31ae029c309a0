/** Every operation of the operator API, in the order of the document. */
import type { Route } from "../route.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { eventRoutes } from "./events.ts";
import { guardRoutes } from "./guards.ts";
import { overviewRoutes } from "./overview.ts";
import { partitionRoutes } from "./partitions.ts";
import { replayRoutes } from "./replays.ts";
import { reviewRoutes } from "./reviews.ts";
import { tokenRoutes } from "./tokens.ts";
import { undeliverableRoutes } from "./undeliverable.ts";

export const OPERATOR_ROUTES: readonly Route[] = [
  ...overviewRoutes,
  ...eventRoutes,
  ...deadLetterRoutes,
  ...reviewRoutes,
  ...replayRoutes,
  ...undeliverableRoutes,
  ...partitionRoutes,
  ...guardRoutes,
  ...tokenRoutes,
];
