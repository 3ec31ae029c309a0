/** The enquiries of the development set; what was said of its comments holds for them too. */
import type { LeadExample } from "./examples.ts";

export const LEAD_EXAMPLES: readonly LeadExample[] = [
  {
    email: "m.okafor@harbourfreight.example",
    company: "Harbour Freight Lines",
    message:
      "We run 40 depots and are replacing our ticketing system before the end of the quarter. Could you send pricing for 300 agents and set up a demo next week?",
    isLead: true,
  },
  {
    email: "sofia.brandt@klinik-nord.example",
    company: "Klinik Nord",
    message:
      "I head IT for a group of five hospitals. The board approved 80,000 euros for this year and we would like to compare your enterprise plan with two others.",
    isLead: true,
  },
  {
    email: "tom@brightpixel.example",
    company: "Bright Pixel",
    message:
      "We are twelve people and outgrow our spreadsheet. What would the team plan cost us per month, and can we start on Monday?",
    isLead: true,
  },
  {
    email: "procurement@alderman-foods.example",
    company: "Alderman Foods",
    message:
      "Please provide a formal quote for 1,200 licences including SSO and a data processing agreement. Our deadline for vendor selection is 30 June.",
    isLead: true,
  },
  {
    email: "lee.chan.work@gmail.com",
    company: "Chan Property Management",
    message:
      "Looking for a tool to handle tenant requests for about 900 flats. Who can I talk to about a trial? We need something in place by September.",
    isLead: true,
  },
  {
    email: "ines@vialta.example",
    company: "Vialta",
    message:
      "We currently pay a competitor around $2,400 a month and the contract ends in August. I decide on the tooling here; call me on Thursday?",
    isLead: true,
  },
  {
    email: "d.moreau@lumiere-retail.example",
    company: "Lumière Retail",
    message:
      "Our CTO asked me to shortlist three vendors. Do you support on-premises deployment, and what are the volume discounts?",
    isLead: true,
  },
  {
    email: "ops@northwind-cycles.example",
    company: "Northwind Cycles",
    message: "Can we get an account manager? We want to roll this out to our shops in three countries.",
    isLead: true,
  },
  {
    email: "r.gupta@fenwick.example",
    company: "Fenwick & Sons",
    message:
      "Saw your talk in Lisbon and was impressed. We have the problem you described, badly. Let's speak.",
    isLead: true,
  },
  {
    email: "student.anna@outlook.com",
    company: "",
    message: "I am writing my master's thesis on webhooks and would like to interview one of your engineers.",
    isLead: false,
  },
  {
    email: "growth@rank-first.example",
    company: "Rank First SEO",
    message:
      "We can bring your website to page one of Google. Our agency offers backlinks and guest posts at unbeatable prices.",
    isLead: false,
  },
  {
    email: "pjones@yahoo.com",
    company: "",
    message: "I forgot my password and the reset mail never arrives. Please help.",
    isLead: false,
  },
  {
    email: "career.mike@gmail.com",
    company: "",
    message:
      "Attached is my CV. I have six years of experience as a backend developer and would love to join your team.",
    isLead: false,
  },
  {
    email: "kate@kates-blog.example",
    company: "Kate's Blog",
    message: "Your pricing page has a typo in the second paragraph. Otherwise great site!",
    isLead: false,
  },
  {
    email: "asdf@asdf.example",
    company: "asdf",
    message: "test test 123",
    isLead: false,
  },
  {
    email: "j.whitaker@statebureau.example",
    company: "State Statistics Bureau",
    message:
      "This is the annual mandatory survey of IT service companies. Please return the form by 1 April.",
    isLead: false,
  },
  {
    email: "luis@hotmail.com",
    company: "",
    message: "Is there a free version for hobby projects? I don't want to pay anything.",
    isLead: false,
  },
  {
    email: "billing@delta-office.example",
    company: "Delta Office",
    message: "We were charged twice in March. Please refund the second payment of $49.",
    isLead: false,
  },
  {
    email: "events@saas-summit.example",
    company: "SaaS Summit",
    message:
      "Sponsor our conference! Gold packages start at $15,000 and give you a booth for 2 days with 3,000 visitors.",
    isLead: false,
  },
  {
    email: "noreply@partner-leads.example",
    company: "Partner Leads",
    message: "Buy verified e-mail lists of decision makers in your industry. Special offer this week only.",
    isLead: false,
  },
  {
    email: "hannah@quartzandco.example",
    company: "Quartz & Co",
    message:
      "We process roughly 20k orders a day and our current provider can't keep up. What do your bigger customers pay?",
    isLead: true,
  },
  {
    email: "bureau@kantoor-delft.example",
    company: "Kantoor Delft",
    message: "Who should we contact to become a customer in the Netherlands? There are 60 of us.",
    isLead: true,
  },
  {
    email: "simon.t@gmail.com",
    company: "Three Oaks Bakery",
    message:
      "Hi, recommended by Martin at Rivera Cafés. We open four more shops in spring and want the same set-up as his.",
    isLead: true,
  },
  {
    email: "a.lindqvist@polarenergi.example",
    company: "Polar Energi",
    message:
      "Your competitor quoted us 38k per year. If you can match it and host in the EU we would sign this month.",
    isLead: true,
  },
  {
    email: "it@stmarysschool.example",
    company: "St Mary's School",
    message:
      "Do you have education rates? We are choosing between you and one other product; the governors meet on the 12th.",
    isLead: true,
  },
  {
    email: "j.reyes@reyeslaw.example",
    company: "Reyes Law",
    message: "Could someone show my two partners how the document review works? Any afternoon is fine.",
    isLead: true,
  },
  {
    email: "newsdesk@dailyledger.example",
    company: "The Daily Ledger",
    message:
      "I'm a reporter working on a piece about data centres. Would your CEO comment on energy prices by Friday?",
    isLead: false,
  },
  {
    email: "rick@hotmail.com",
    company: "",
    message: "your ads follow me everywhere, how do I make it stop",
    isLead: false,
  },
  {
    email: "m.ferrari@uni-torino.example",
    company: "Università di Torino",
    message: "For my dissertation I need a data set of anonymised tickets. Can you share one free of charge?",
    isLead: false,
  },
  {
    email: "sales@cloudcheaper.example",
    company: "CloudCheaper",
    message:
      "Are you overpaying for hosting? We cut cloud bills by 40 % on average. Fifteen minutes next week?",
    isLead: false,
  },
  {
    email: "tina@bluefern.example",
    company: "Blue Fern",
    message: "Existing customer here: since the update on Tuesday the export button does nothing.",
    isLead: false,
  },
  {
    email: "legal@brandwatchers.example",
    company: "Brand Watchers",
    message: "Your use of the word mark infringes our client's rights. Please respond within ten days.",
    isLead: false,
  },
  {
    email: "qwe@qwe.example",
    company: "x",
    message: "hello",
    isLead: false,
  },
];
