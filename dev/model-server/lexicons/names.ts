/** Cues that tell people, organisations and places apart. Short on purpose: the stand-in is no gazetteer. */

const set = (words: string): ReadonlySet<string> => new Set(words.trim().split(/\s*,\s*/));

export const ORGANISATION_WORDS = set(
  `inc, ltd, llc, gmbh, ag, corp, corporation, company, co, plc, group, holdings, partners, bank, university,
  institute, college, school, hospital, clinic, klinik, ministry, agency, bureau, association, foundation,
  labs, studios, systems, solutions, technologies, logistics, industries, retail, media, foods, airlines,
  insurance, energy, council, committee, court, union, society, trust, lines, sons, software, networks,
  clinics, press, robotics, airways, pharma, ventures, supplies`,
);

export const PERSON_TITLES = set(`mr, mrs, ms, dr, prof, professor, sir, president, judge, captain, mx`);

export const GIVEN_NAMES = set(
  `james, mary, robert, patricia, john, jennifer, michael, linda, david, elizabeth, william, barbara, richard,
  susan, joseph, jessica, thomas, sarah, charles, karen, daniel, lisa, matthew, nancy, anthony, betty, mark,
  sandra, paul, ashley, steven, emily, andrew, kimberly, joshua, michelle, kevin, amanda, brian, laura, george,
  anna, maria, sofia, dana, peter, alice, bob, carol, eve, frank, grace, henry, ivan, julia, kate, leo, nina,
  oscar, priya, quentin, rosa, samuel, tom, ursula, victor, wendy, yusuf, zoe, ahmed, fatima, wei, ming, raj,
  amir, elena, hans, ingrid, jan, katrin, lars, miguel, noah, olivia, liam, emma, lucas, mia, hugo, chloe,
  jane, max, ben, sam, alex, chris, luis, ines, lee, mike, adam, diego, marta, omar, leila, tariq, yuki, kenji`,
);

export const PLACES = set(
  `london, paris, berlin, munich, hamburg, madrid, lisbon, rome, vienna, zurich, amsterdam, brussels, dublin,
  new york, san francisco, los angeles, chicago, boston, seattle, austin, toronto, sydney, melbourne, tokyo,
  singapore, mumbai, delhi, shanghai, beijing, hong kong, dubai, cairo, lagos, nairobi, rotterdam, oslo,
  stockholm, copenhagen, helsinki, warsaw, prague, barcelona, germany, france, spain, italy, portugal, ireland,
  england, scotland, united kingdom, uk, usa, united states, canada, mexico, brazil, india, china, japan,
  australia, netherlands, belgium, switzerland, austria, europe, asia, africa, california, texas`,
);

/** Words that get a capital without being a name. */
export const COMMON_CAPITALISED = set(
  `i, the, a, an, this, that, these, those, we, you, he, she, it, they, hi, hello, hey, dear, thanks, thank,
  please, yes, no, monday, tuesday, wednesday, thursday, friday, saturday, sunday, january, february, march,
  april, may, june, july, august, september, october, november, december, english, german, french, spanish,
  ok, okay, best, regards, sincerely, re, fwd, saw, let, our, my, your, are, is, do, does, can, could, would,
  will, ceo, cfo, cto, cio, coo, vp, hr, it, faq, pdf, api, url, asap, usd, eur, gbp, what, when, where, why, who, how, if, in, on, at, by, for, to, from, and, but, or, not, never, with`,
);
