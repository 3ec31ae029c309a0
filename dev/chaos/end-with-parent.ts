/**
 * Loaded into every child before its own script: when the process that started it is gone, however it went, the child
 * ends, and its process group with it. Nothing of a run outlives the run.
 */
const LOOK_EVERY_MS = 1_000;
const parent = process.ppid;

setInterval(() => {
  if (process.ppid !== parent) process.kill(0, "SIGKILL");
}, LOOK_EVERY_MS).unref();
