/** The frame of every page: title, navigation, notice, the part that is kept fresh. */
import type { Child } from "hono/jsx";
import { ICON_PATH, SCRIPT_PATH, STYLE_PATH } from "../assets/routes.ts";
import type { Visitor } from "../visitor.ts";

const SECTIONS = [
  ["", "Now"],
  ["/events", "Events"],
  ["/dead-letters", "Dead letters"],
  ["/reviews", "Reviews"],
  ["/partitions", "Partitions"],
  ["/guards", "Guards"],
  ["/replays", "Replays"],
] as const;

export type Section = (typeof SECTIONS)[number][1];

interface DocumentProps {
  readonly title: string;
  readonly refreshSeconds?: number | undefined;
  readonly children?: Child;
}

export function Document({ title, refreshSeconds, children }: DocumentProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · Sluice`}</title>
        <link rel="icon" href={ICON_PATH} type="image/svg+xml" />
        <link rel="stylesheet" href={STYLE_PATH} />
        <script src={SCRIPT_PATH} defer></script>
      </head>
      <body data-refresh={refreshSeconds}>{children}</body>
    </html>
  );
}

export interface PageProps {
  readonly title: string;
  readonly visitor: Visitor;
  readonly section: Section | null;
  readonly notice?: Child;
  readonly refreshSeconds?: number | undefined;
  readonly children?: Child;
}

export function Page({ title, visitor, section, notice, refreshSeconds, children }: PageProps) {
  return (
    <Document title={title} refreshSeconds={refreshSeconds}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <div class="top-inner">
          <a class="brand" href="/dashboard">
            Sluice
          </a>
          <div class="who">
            {refreshSeconds === undefined ? null : (
              <button id="refresh" type="button" class="plain" aria-pressed="false" hidden>
                Pause updates
              </button>
            )}
            <span class="name" title={`Scopes: ${visitor.actor.scopes.join(", ")}`}>
              {visitor.actor.name}
              {visitor.mayOperate ? "" : " (read only)"}
            </span>
            <form method="post" action="/dashboard/logout">
              <FormKey visitor={visitor} />
              <button class="plain" type="submit">
                Log out
              </button>
            </form>
          </div>
          <nav class="nav" aria-label="Sections">
            <ul>
              {SECTIONS.map(([path, name]) => (
                <li>
                  <a href={`/dashboard${path}`} aria-current={name === section ? "page" : undefined}>
                    {name}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
        </div>
      </header>
      <main id="main" tabindex={-1}>
        {notice}
        <div id="live">{children}</div>
      </main>
    </Document>
  );
}

export function FormKey({ visitor }: { readonly visitor: Visitor }) {
  return <input type="hidden" name="formKey" value={visitor.formKey} />;
}

interface BannerProps {
  readonly tone: "good" | "warn" | "bad";
  readonly children?: Child;
}

/** Read out at once: it says what came of what the visitor has just done. */
export function Banner({ tone, children }: BannerProps) {
  return (
    <div class={`banner ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      {children}
    </div>
  );
}

export function Empty({ children }: { readonly children?: Child }) {
  return <div class="empty">{children}</div>;
}
