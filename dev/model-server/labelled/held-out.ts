/**
 * The hand-labelled held-out set: written when the lexicons were finished, and never used to change them. (The
 * lead score's base was set with both sets' results in view.)
 * Still one author's idea of what people write, so read its numbers as a rough size, not as a benchmark.
 */
import type { LeadExample, ModerationExample } from "./examples.ts";

export const HELD_OUT_MODERATION_EXAMPLES: readonly ModerationExample[] = [
  { text: "First time here. Is the subtitle file available somewhere?", labels: [] },
  { text: "I cried at the end, the old man reminded me of my father.", labels: [] },
  { text: "Hot take: the book is better and the film is twenty minutes too long.", labels: [] },
  { text: "The knife skills section at 4:10 saved my fingers, thank you chef.", labels: [] },
  { text: "My bank asked for a new card number when I moved, same story as yours.", labels: [] },
  { text: "You were right about the gearbox, I was the idiot here.", labels: [] },
  { text: "How is the Indian restaurant next to the station? Thinking of going on Sunday.", labels: [] },
  { text: "Police say the man shot two people before he was arrested on Monday.", labels: [] },
  { text: "Not my taste, but the camera work deserves every award it got.", labels: [] },
  { text: "The naked mole rat lives up to thirty years, which is wild.", labels: [] },
  { text: "Our choir sings on Friday at seven, entry is free, everybody is welcome.", labels: [] },

  {
    text: "What a pathetic performance from you again, you are a joke and everyone knows it.",
    labels: ["harassment"],
  },
  { text: "Shut up already, nobody cares about your stupid opinion.", labels: ["harassment"] },
  { text: "This woman is an absolute cow, how did she ever get a show?", labels: ["harassment"] },
  { text: "Stay in your basement, incel.", labels: ["harassment"] },

  { text: "Foreigners come here only to steal, kick all of them out.", labels: ["hate"] },
  { text: "A woman should be in the kitchen and not in a parliament.", labels: ["hate"] },
  { text: "Jews control the banks, wake up people.", labels: ["hate"] },
  { text: "Trans people are sick in the head and dangerous for children.", labels: ["hate"] },

  { text: "I swear I will smash your teeth in if you post about my brother again.", labels: ["violence"] },
  { text: "Better sleep with one eye open tonight.", labels: ["violence"] },
  { text: "Somebody should shoot that politician.", labels: ["violence"] },
  { text: "We will find you and then you will bleed.", labels: ["violence"] },

  { text: "Send me your nudes and I send you mine.", labels: ["sexual"] },
  { text: "Free sex cams, thousands of girls live right now.", labels: ["sexual", "spam"] },

  { text: "I want to die, every day is the same and it never stops hurting.", labels: ["self_harm"] },
  { text: "Sometimes I stand on the bridge and think about letting go.", labels: ["self_harm"] },
  { text: "I hate myself so much, I hurt myself again last night.", labels: ["self_harm"] },

  {
    text: "Best prices on sneakers!!! Order today and get 20 % off with code KICKS, www.sneaks.example",
    labels: ["spam"],
  },
  { text: "Subscribe to my channel for daily giveaways, link in bio", labels: ["spam"] },
  { text: "I lost 12 kilos in a month with this tea, ask me how in a private message", labels: ["spam"] },
  { text: "Make money online fast, work from home, write me on Telegram", labels: ["spam"] },

  {
    text: "Dear customer, confirm your billing details to avoid the closing of your account.",
    labels: ["scam"],
  },
  {
    text: "Mum, my phone broke, this is my new number, can you transfer 900 to a friend today?",
    labels: ["scam"],
  },
  {
    text: "You have been selected as winner of our lottery, pay the handling fee to receive the prize.",
    labels: ["scam"],
  },
  { text: "Guaranteed returns of 30 % a month, deposit crypto to our investment plan.", labels: ["scam"] },
];

export const HELD_OUT_LEAD_EXAMPLES: readonly LeadExample[] = [
  {
    email: "petra@gebrueder-hahn.example",
    company: "Gebrüder Hahn",
    message: "We need a quote for 85 users, yearly billing. Our current contract runs out in November.",
    isLead: true,
  },
  {
    email: "olu@savannah-solar.example",
    company: "Savannah Solar",
    message:
      "Can you call me tomorrow? We have to pick a platform for our 14 field teams before the season starts.",
    isLead: true,
  },
  {
    email: "cfo@tidewater-press.example",
    company: "Tidewater Press",
    message:
      "What does the business plan cost for twenty people, and is there a discount for paying upfront?",
    isLead: true,
  },
  {
    email: "greta.m@gmail.com",
    company: "Studio Mahler",
    message: "A friend uses you and is thrilled. I'd like to see a demo for my architecture office.",
    isLead: true,
  },
  {
    email: "vendors@metrocity.example",
    company: "Metro City Council",
    message: "The council invites you to tender for case management software. Submissions close on 2 May.",
    isLead: true,
  },
  {
    email: "w.adeyemi@corallane.example",
    company: "Coral Lane",
    message:
      "We tested the trial for two weeks, the team loves it. How do we move to a paid subscription for all six branches?",
    isLead: true,
  },
  {
    email: "pat@yahoo.com",
    company: "",
    message: "Where can I change my profile picture?",
    isLead: false,
  },
  {
    email: "jan@linkbuilders.example",
    company: "Link Builders",
    message: "I checked your site and found 27 SEO errors. Our agency can fix them for only $199.",
    isLead: false,
  },
  {
    email: "emre@gmail.com",
    company: "",
    message: "Are you hiring junior designers? My portfolio is attached.",
    isLead: false,
  },
  {
    email: "research@uni-gent.example",
    company: "Universiteit Gent",
    message: "We study how companies handle incidents and ask you to fill in a ten-minute questionnaire.",
    isLead: false,
  },
  {
    email: "mara@postbox.example",
    company: "Postbox",
    message: "Please remove me from your mailing list.",
    isLead: false,
  },
  {
    email: "dev@smalltown.example",
    company: "Small Town",
    message: "The API returns 502 since this morning, when will it be fixed?",
    isLead: false,
  },
];
