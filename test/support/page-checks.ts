/** What is measured in a page by the browser itself: text that is hard to read, and what sticks out of a narrow screen. */
import type { Page } from "playwright-core";

/** WCAG 2.2, 1.4.3: 4.5 to 1. @returns texts that have less, with what they have */
export function faintTexts(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const numbersOf = (colour: string) => [...colour.matchAll(/[\d.]+/g)].map(([text]) => Number(text));
    const luminance = ([red = 0, green = 0, blue = 0]: readonly number[]) => {
      const linear = (value: number) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      };
      return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    };
    const groundOf = (element: Element | null): readonly number[] => {
      for (let at = element; at !== null; at = at.parentElement) {
        const ground = numbersOf(getComputedStyle(at).backgroundColor);
        if (ground[3] !== 0) return ground;
      }
      return [255, 255, 255];
    };
    const faint = new Set<string>();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent?.trim() ?? "";
      const element = walker.currentNode.parentElement;
      if (text === "" || element === null || !element.checkVisibility()) continue;
      const [ink, ground] = [
        luminance(numbersOf(getComputedStyle(element).color)),
        luminance(groundOf(element)),
      ];
      const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
      if (contrast < 4.5) faint.add(`${text.slice(0, 40)}: ${contrast.toFixed(2)}`);
    }
    return [...faint];
  });
}

/** Pixels by which the page is wider than the screen. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

/** Controls that a screen reader could not name. */
export function namelessControls(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    [
      ...document.querySelectorAll<HTMLElement>(
        "a[href], button, input:not([type=hidden]), select, textarea, summary",
      ),
    ]
      .filter((control) => {
        const labels =
          control instanceof HTMLInputElement ||
          control instanceof HTMLSelectElement ||
          control instanceof HTMLTextAreaElement
            ? control.labels
            : null;
        const name = `${control.getAttribute("aria-label") ?? ""}${control.textContent}${labels?.[0]?.textContent ?? ""}`;
        return name.trim() === "";
      })
      .map((control) => control.outerHTML.slice(0, 100)),
  );
}
