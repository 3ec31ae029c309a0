/** What people post on a media platform: mostly harmless, some of it not. Wording is mild on purpose. */

export type MediaTextKind = "benign" | "spam" | "scam" | "harassment" | "hate" | "threat" | "self_harm";

export const MEDIA_TEXTS: Readonly<Record<MediaTextKind, readonly [string, ...string[]]>> = {
  benign: [
    "Great video, the part about the harbour at night was beautiful.",
    "Which microphone do you use? The sound is so much better now.",
    "I tried the recipe on Sunday and the whole family loved it, thank you!",
    "The audio drops out at 12:40, could you upload it again?",
    "First! Just kidding. Nice to see you back after the break.",
    "I don't agree with your second point, but the argument is fair.",
    "Please make a follow-up about repairing the gearbox.",
    "My students watched this in class today and had lots of questions.",
    "The new layout is confusing, I can't find my playlists anymore.",
    "Greetings from Lisbon, it is raining here too.",
    "That last level killed me, I needed thirty tries.",
    "Does the subscription include the older seasons?",
  ],
  spam: [
    "Check out my channel and subscribe, I follow back everyone!!!",
    "BUY CHEAP FOLLOWERS now at http://grow-fast.example, 5000 followers only $9",
    "Best prices on replica watches, free shipping, promo code LUX at http://watches.example",
    "Earn $900 a week working from home, no experience needed, link in my bio!!",
  ],
  scam: [
    "You have been selected as our winner, claim your prize and pay the small delivery fee at http://prize.example",
    "Send 0.1 bitcoin to this wallet and we double your money within an hour, guaranteed.",
    "Your account has been suspended, verify your password at http://secure-login.example within 24 hours.",
  ],
  harassment: [
    "You are such a pathetic loser, nobody wants you here.",
    "Shut up, you stupid clown, your videos are worthless.",
    "What an embarrassing idiot, delete your channel.",
  ],
  hate: [
    "Those foreigners are all criminals, send them back where they came from.",
    "Women are too stupid for this job.",
    "People from over there are dirty and should get out of our country.",
  ],
  threat: [
    "I know where you live and I will hurt you.",
    "Watch your back, we are coming for you tonight.",
    "Post that again and I will break your legs.",
  ],
  self_harm: ["I can't go on, I want to end my life.", "Everyone would be better off without me."],
};

export const UPLOAD_TITLES: readonly [string, ...string[]] = [
  "A walk through the old harbour",
  "Fixing a 1978 cassette deck",
  "Three soups for cold evenings",
  "Live at the Blue Room, full set",
  "How lighthouses work",
];
