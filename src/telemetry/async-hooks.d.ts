/** The one part of Node's async hooks that the runtime provides (`nodejs_compat`) and that tracing uses. */
declare module "node:async_hooks" {
  export class AsyncLocalStorage<Value> {
    getStore(): Value | undefined;
    run<Result>(value: Value, work: () => Result): Result;
  }
}
