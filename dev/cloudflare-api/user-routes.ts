/** Who asks, and with which account. */
import { paged, route, type Route } from "./call.ts";

export const USER_ROUTES: readonly Route[] = [
  route("GET", "/user/tokens/verify", () => ({ result: { id: "token", status: "active" } })),
  route("GET", "/accounts/:account/tokens/verify", () => ({ result: { id: "token", status: "active" } })),
  route("GET", "/user", () => ({ result: { id: "user", email: "deployer@example.com" } })),
  route("GET", "/accounts", ({ account }) => paged([{ id: account.id, name: "Example" }])),
  route("GET", "/memberships", ({ account }) =>
    paged([{ id: "membership", account: { id: account.id, name: "Example" }, roles: ["Administrator"] }]),
  ),
];
