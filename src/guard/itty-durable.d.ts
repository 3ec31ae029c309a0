/**
 * itty-durable's own types are `any` throughout. These say what it does (version 2.4.1), as far as the guard
 * uses it; everything that comes out of storage or off the wire is `unknown` and parsed.
 */
declare module "itty-durable" {
  interface IttyDurable {
    /** The platform's own state, with itty-durable's additions. Not persisted. */
    readonly state: DurableObjectState;
    /** The name it was reached by, else the platform's id. */
    readonly id: string | DurableObjectId;
    fetch(request: Request): Promise<Response>;
    /** Writes every own property but `state` under the key `data`. */
    persist(): Promise<void>;
    /** Called once, after the stored properties were assigned and before the first method runs. */
    onLoad(): Promise<void>;
  }

  export function createDurable(options?: {
    readonly autoPersist?: boolean;
    readonly autoReturn?: boolean;
  }): new (state: DurableObjectState, env: unknown) => IttyDurable;

  /** `Method` names what the object has. An argument travels as JSON in a request header: ASCII, and small. */
  export function proxyDurable<Method extends string>(
    namespace: DurableObjectNamespace,
    options: { readonly name: string; readonly parse: true },
  ): { get(name: string): Readonly<Record<Method, (argument: unknown) => Promise<unknown>>> };
}
