/** Which language a text is in, by script and by its smallest words. English when nothing says otherwise. */

const SCRIPTS: readonly (readonly [RegExp, string])[] = [
  [/[\p{sc=Hiragana}\p{sc=Katakana}]/u, "ja"],
  [/\p{sc=Hangul}/u, "ko"],
  [/\p{sc=Han}/u, "zh"],
  [/\p{sc=Cyrillic}/u, "ru"],
  [/\p{sc=Arabic}/u, "ar"],
  [/\p{sc=Hebrew}/u, "he"],
  [/\p{sc=Greek}/u, "el"],
  [/\p{sc=Devanagari}/u, "hi"],
];

const SMALL_WORDS: Readonly<Record<string, readonly string[]>> = {
  en: "the and is of to in that it for you with was on are this have not".split(" "),
  de: "der die das und ist nicht ich ein eine mit für auf zu den von wir sie".split(" "),
  fr: "le la les et est une des que pas pour dans vous nous je sur avec".split(" "),
  es: "el la los las es una que no por para con está muy como pero se".split(" "),
  it: "il lo gli che è una non per con sono di della mi ma più questo".split(" "),
  pt: "o os as não uma que para com é em do da por mais como você".split(" "),
  nl: "de het een en is niet van ik op te dat voor met zijn wij aan".split(" "),
};

export const LANGUAGE_NAMES: Readonly<Record<string, string>> = {
  en: "english",
  de: "german",
  fr: "french",
  es: "spanish",
  it: "italian",
  pt: "portuguese",
  nl: "dutch",
  ja: "japanese",
  ko: "korean",
  zh: "chinese",
  ru: "russian",
  ar: "arabic",
  he: "hebrew",
  el: "greek",
  hi: "hindi",
};

/** An ISO 639-1 code. */
export function detectLanguage(text: string): string {
  const script = SCRIPTS.find(([pattern]) => pattern.test(text));
  if (script !== undefined) return script[1];
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  const counts = Object.entries(SMALL_WORDS).map(([code, small]) => {
    const known = new Set(small);
    return { code, count: words.filter((word) => known.has(word)).length };
  });
  const best = counts.reduce((left, right) => (right.count > left.count ? right : left));
  return best.count === 0 ? "en" : best.code;
}
