/** Invented customers that events are about. Names are common, domains are reserved. */
import type { SeededRandom } from "../lib/random.ts";

export interface SampleCustomer {
  /** Stripe's form. */
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly company: string;
  /** The same customer's author id on the media platform and organisation on GitHub. */
  readonly authorId: string;
  readonly organisation: string;
}

const COMPANIES: readonly [string, ...string[]] = [
  "Harbourline Logistics",
  "Quillmark Press",
  "Fjordvik Energy",
  "Brightwater Clinics",
  "Tessera Robotics",
  "Oakhurst Foods",
  "Lumen Retail",
  "Ridgeway Insurance",
];
const PEOPLE: readonly [string, ...string[]] = [
  "Dana Whitfield",
  "Tomas Novak",
  "Priya Raman",
  "Elena Rossi",
  "Kwame Mensah",
  "Ingrid Solberg",
  "Mateo Silva",
  "Yuki Tanaka",
];

export function makeCustomers(random: SeededRandom, count: number): readonly SampleCustomer[] {
  return Array.from({ length: count }, (_, index) => {
    const company = COMPANIES[index % COMPANIES.length] ?? COMPANIES[0];
    const name = PEOPLE[index % PEOPLE.length] ?? PEOPLE[0];
    const suffix = index < COMPANIES.length ? "" : String(Math.floor(index / COMPANIES.length) + 1);
    const organisation = `${company.toLowerCase().replaceAll(" ", "-")}${suffix === "" ? "" : `-${suffix}`}`;
    return {
      id: `cus_${random.token(14)}`,
      name,
      company: suffix === "" ? company : `${company} ${suffix}`,
      email: `${name.toLowerCase().replace(" ", ".")}@${organisation}.example`,
      authorId: `user_${random.token(10)}`,
      organisation,
    };
  });
}
