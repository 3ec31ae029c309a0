/** What people write into issues, pull requests and comments. */

export interface IssueText {
  readonly title: string;
  readonly body: string;
}

export const ISSUE_TEXTS: readonly [IssueText, ...IssueText[]] = [
  {
    title: "Upload crashes on files over 2 GB",
    body: "Since version 4.2 the uploader stops with a white screen as soon as the file is larger than 2 GB. Steps: open a project, drop the file, wait ten seconds. The console shows `RangeError: Invalid array length`. Version 4.1 works.",
  },
  {
    title: "Please support OpenID Connect for single sign-on",
    body: "Our company has about 400 people and we are not allowed to create local passwords. It would be great if the login page could redirect to an OpenID Connect provider.",
  },
  {
    title: "How do I change the retention of exports?",
    body: "I read the documentation twice and could not find where the retention of exported files is set. Is it a setting or an environment variable?",
  },
  {
    title: "Possible XSS in the profile page",
    body: "The display name is rendered without escaping in the members list. A name like <img src=x onerror=alert(1)> runs. I would rather not post the details in public; where can I send a report?",
  },
  {
    title: "Search is slow with many tags",
    body: "With more than 5,000 tags every search takes four seconds and the CPU stays at 100 %. A profile shows that the tag index is rebuilt for each request.",
  },
  {
    title: "Typo on the pricing page",
    body: "It says 'anually' instead of 'annually' below the second plan.",
  },
  {
    title: "Exports ignore the selected time zone",
    body: "Timestamps in the CSV are in UTC although the workspace is set to Europe/Lisbon. Our accountant needs local dates by Friday for the audit.",
  },
];

export const REPLY_TEXTS: readonly [string, ...string[]] = [
  "I can reproduce this on 4.2.1 with Firefox. The stack trace points to the chunk reader.",
  "Thanks a lot for the quick fix, it works for us now!",
  "Any news? This blocks our release and the deadline is tomorrow.",
  "This is the third time I report it and nobody reacts. Really disappointing.",
  "Would you accept a pull request for this? I have a working branch.",
  "Closing, this was a wrong setting on our side. Sorry for the noise.",
];
