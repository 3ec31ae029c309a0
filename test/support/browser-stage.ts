/** A gateway, the chat page in front of it, and a browser: what the browser tests share. */
import type { Browser } from "playwright-core";
import { LOCAL_API_TOKEN } from "../../dev/lib/local-secrets.ts";
import { startChatPage } from "../../dev/chat-page/server.ts";
import type { ModelCall } from "../../dev/model-server/server.ts";
import { launchChromium } from "./chromium.ts";
import { startWire } from "./cuttable-wire.ts";
import { startDirectGateway, type DirectGateway, type DirectGatewayOptions } from "./e2e-direct-gateway.ts";

export interface BrowserStage {
  readonly browser: Browser;
  readonly gateway: DirectGateway;
  readonly pageUrl: string;
  /** Breaks every connection between the page, its backend and the gateway. */
  cutNetwork(): void;
  callsAbout(mark: string): readonly ModelCall[];
  close(): Promise<void>;
}

export async function startBrowserStage(
  options: Omit<DirectGatewayOptions, "vars"> = {},
): Promise<BrowserStage> {
  const browser = await launchChromium();
  let gatewayUrl = "";
  const wire = await startWire(() => gatewayUrl);
  const page = await startChatPage({
    port: 0,
    gateway: () => ({ url: wire.url, apiToken: LOCAL_API_TOKEN }),
  });
  const gateway = await startDirectGateway({ ...options, vars: { PAGE_ORIGIN: page.url } });
  gatewayUrl = gateway.url;
  return {
    browser,
    gateway,
    pageUrl: page.url,
    cutNetwork: () => wire.cut(),
    callsAbout: (mark) => gateway.model.calls.entries().filter((call) => call.textStart.includes(mark)),
    close: async () => {
      await browser.close();
      await page.close();
      await wire.close();
      await gateway.close();
    },
  };
}

/** Long enough for a second or two of an answer. */
export const LETTER =
  "Thank you for the quick help with our order. The parcel from Harbourline Logistics arrived on 4 March, two days early. One jar was cracked, which is a pity, but the support team refunded 12.50 EUR the same day. We will gladly order again.";
