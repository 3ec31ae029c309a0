/** Stripe events with the documented object shapes (https://docs.stripe.com/api), fields a pipeline reads filled in. */
import type { JsonObject } from "../../src/core/json.ts";
import type { SeededRandom } from "../lib/random.ts";
import type { SampleCustomer } from "./customers.ts";
import type { Sample } from "./sample.ts";

const API_VERSION = "2025-09-30.clover";
const PERIOD_SECONDS = 30 * 86_400;
const EVIDENCE_SECONDS = 7 * 86_400;

export const STRIPE_TYPES = [
  "payment_intent.succeeded",
  "payment_intent.payment_failed",
  "invoice.paid",
  "customer.subscription.updated",
  "charge.dispute.created",
] as const;

export type StripeType = (typeof STRIPE_TYPES)[number];

export interface StripeSampleOptions {
  readonly type: StripeType;
  readonly customer: SampleCustomer;
  readonly createdSeconds: number;
}

export function buildStripeSample(random: SeededRandom, options: StripeSampleOptions): Sample {
  const { type, customer, createdSeconds } = options;
  const id = `evt_1${random.token(23)}`;
  const data = dataFor(random, options);
  return {
    sender: "stripe",
    type,
    id,
    // A dispute names a charge and no customer; that is how Stripe sends it.
    customer: type === "charge.dispute.created" ? null : customer.id,
    createdSeconds,
    payload: {
      id,
      object: "event",
      api_version: API_VERSION,
      created: createdSeconds,
      data,
      livemode: false,
      pending_webhooks: 1,
      request: { id: `req_${random.token(14)}`, idempotency_key: null },
      type,
    },
  };
}

function dataFor(random: SeededRandom, options: StripeSampleOptions): JsonObject {
  switch (options.type) {
    case "payment_intent.succeeded":
      return { object: paymentIntent(random, options, null) };
    case "payment_intent.payment_failed":
      return { object: paymentIntent(random, options, declineOf(random)) };
    case "invoice.paid":
      return { object: invoice(random, options) };
    case "customer.subscription.updated":
      return subscriptionChange(random, options);
    case "charge.dispute.created":
      return { object: dispute(random, options) };
    default:
      return options.type satisfies never;
  }
}

interface Decline {
  readonly code: string;
  readonly declineCode: string;
  readonly message: string;
}

function declineOf(random: SeededRandom): Decline {
  return random.pick<Decline>([
    {
      code: "card_declined",
      declineCode: "insufficient_funds",
      message: "Your card has insufficient funds.",
    },
    { code: "card_declined", declineCode: "stolen_card", message: "Your card was declined." },
    { code: "expired_card", declineCode: "expired_card", message: "Your card has expired." },
    { code: "card_declined", declineCode: "do_not_honor", message: "Your card was declined." },
  ]);
}

function paymentIntent(
  random: SeededRandom,
  { customer, createdSeconds }: StripeSampleOptions,
  decline: Decline | null,
): JsonObject {
  const amount = random.integer(5, 900) * 100;
  const charge = `ch_3${random.token(23)}`;
  const paymentMethod = `pm_1${random.token(23)}`;
  return {
    id: `pi_3${random.token(23)}`,
    object: "payment_intent",
    amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: decline === null ? amount : 0,
    capture_method: "automatic_async",
    confirmation_method: "automatic",
    created: createdSeconds - 2,
    currency: random.pick(["usd", "eur", "gbp"]),
    customer: customer.id,
    description: `Order ${random.integer(10_000, 99_999)}`,
    last_payment_error: decline === null ? null : paymentError(decline, charge, paymentMethod),
    latest_charge: charge,
    livemode: false,
    metadata: { order_id: `order_${random.token(8)}` },
    payment_method: decline === null ? paymentMethod : null,
    payment_method_types: ["card"],
    receipt_email: customer.email,
    status: decline === null ? "succeeded" : "requires_payment_method",
  };
}

function paymentError(decline: Decline, charge: string, paymentMethod: string): JsonObject {
  return {
    charge,
    code: decline.code,
    decline_code: decline.declineCode,
    doc_url: `https://stripe.com/docs/error-codes/${decline.code.replaceAll("_", "-")}`,
    message: decline.message,
    payment_method: {
      id: paymentMethod,
      object: "payment_method",
      card: { brand: "visa", country: "US", exp_month: 4, exp_year: 2029, funding: "credit", last4: "0341" },
      type: "card",
    },
    type: "card_error",
  };
}

function invoice(random: SeededRandom, { customer, createdSeconds }: StripeSampleOptions): JsonObject {
  const total = random.integer(2, 300) * 1_000;
  const id = `in_1${random.token(23)}`;
  const subscription = `sub_1${random.token(23)}`;
  return {
    id,
    object: "invoice",
    account_country: "US",
    account_name: "Example Software",
    amount_due: total,
    amount_paid: total,
    amount_remaining: 0,
    attempt_count: 1,
    attempted: true,
    billing_reason: "subscription_cycle",
    collection_method: "charge_automatically",
    created: createdSeconds - 3_600,
    currency: "usd",
    customer: customer.id,
    customer_email: customer.email,
    customer_name: customer.company,
    lines: {
      object: "list",
      data: [
        {
          id: `il_1${random.token(23)}`,
          object: "line_item",
          amount: total,
          currency: "usd",
          description: `${random.integer(1, 60)} × Team seat (monthly)`,
          period: { start: createdSeconds - PERIOD_SECONDS, end: createdSeconds },
          quantity: 1,
        },
      ],
      has_more: false,
      total_count: 1,
      url: `/v1/invoices/${id}/lines`,
    },
    livemode: false,
    metadata: {},
    number: `${random.token(8).toUpperCase()}-${random.integer(1000, 9999)}`,
    parent: {
      type: "subscription_details",
      quote_details: null,
      subscription_details: { metadata: {}, subscription },
    },
    period_end: createdSeconds,
    period_start: createdSeconds - PERIOD_SECONDS,
    status: "paid",
    subtotal: total,
    total,
  };
}

function subscriptionChange(
  random: SeededRandom,
  { customer, createdSeconds }: StripeSampleOptions,
): JsonObject {
  const quantity = random.integer(2, 80);
  const isCancelled = random.next() < 0.4;
  const item = {
    id: `si_${random.token(14)}`,
    object: "subscription_item",
    current_period_end: createdSeconds + PERIOD_SECONDS,
    current_period_start: createdSeconds,
    price: {
      id: `price_1${random.token(23)}`,
      object: "price",
      currency: "usd",
      nickname: "Team",
      recurring: { interval: "month", interval_count: 1, usage_type: "licensed" },
      unit_amount: 2_900,
    },
    quantity,
  };
  return {
    object: {
      id: `sub_1${random.token(23)}`,
      object: "subscription",
      cancel_at_period_end: isCancelled,
      canceled_at: isCancelled ? createdSeconds : null,
      cancellation_details: {
        comment: isCancelled ? "We move to another tool, the reports were too slow for us." : null,
        feedback: isCancelled ? "switched_service" : null,
        reason: isCancelled ? "cancellation_requested" : null,
      },
      collection_method: "charge_automatically",
      created: createdSeconds - 4 * PERIOD_SECONDS,
      currency: "usd",
      customer: customer.id,
      items: { object: "list", data: [item], has_more: false, total_count: 1 },
      livemode: false,
      metadata: {},
      status: "active",
    },
    previous_attributes: isCancelled
      ? { cancel_at_period_end: false, canceled_at: null }
      : { items: { data: [{ ...item, quantity: Math.max(1, quantity - random.integer(1, 5)) }] } },
  };
}

function dispute(random: SeededRandom, { customer, createdSeconds }: StripeSampleOptions): JsonObject {
  return {
    id: `du_1${random.token(23)}`,
    object: "dispute",
    amount: random.integer(10, 500) * 100,
    balance_transactions: [],
    charge: `ch_3${random.token(23)}`,
    created: createdSeconds,
    currency: "usd",
    evidence: {
      customer_email_address: customer.email,
      customer_name: customer.name,
      product_description: "Team plan, monthly",
      uncategorized_text: null,
    },
    evidence_details: {
      due_by: createdSeconds + EVIDENCE_SECONDS,
      has_evidence: false,
      past_due: false,
      submission_count: 0,
    },
    is_charge_refundable: true,
    livemode: false,
    metadata: {},
    payment_intent: `pi_3${random.token(23)}`,
    payment_method_details: {
      card: { brand: "visa", case_type: "chargeback", network_reason_code: "10.4" },
      type: "card",
    },
    reason: random.pick(["fraudulent", "product_not_received", "subscription_canceled", "duplicate"]),
    status: "needs_response",
  };
}
