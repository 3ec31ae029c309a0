/** The platform's cron, which the local runtime lacks: a call a minute, the first one at once. */

const MINUTE_MS = 60_000;

/** What fails is tried again a minute later: the gateway may be starting, or reloading. @returns to stop it; waits for the call under way */
export function tickEveryMinute(tick: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> = Promise.resolve();
  const run = () => {
    underWay = tick().catch(() => {});
  };
  run();
  const timer = setInterval(run, MINUTE_MS);
  return async () => {
    clearInterval(timer);
    await underWay;
  };
}
