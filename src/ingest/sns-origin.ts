/**
 * Whether an address is Amazon SNS's own, and whether a certificate is one that SNS signs under. A message names both
 * itself, so each is compared with what only Amazon can hold. Fetches nothing.
 */

/** A region's SNS host. `sns.s3-us-west-2…` and `sns.elb…` are other people's buckets and load balancers. */
const SNS_HOST =
  /^sns\.((?:us-gov|[a-z]{2})-(?:central|(?:north|south)?(?:east|west)|north|south)-[1-9]\d?)\.(amazonaws\.com(?:\.cn)?)$/;
/** One folder, one kind of name, and nothing behind it: a query would make it a call of the API, whose answers hold texts of anybody's. */
const CERTIFICATE_PATH = /^\/SimpleNotificationService-[\w-]{1,80}\.pem$/;
/** Longer than any that SNS sends: a confirmation has a token of 288 characters. */
const MAX_URL_CHARACTERS = 2_048;

interface SnsHost {
  readonly region: string;
  readonly domain: string;
}

/** What a certificate says of itself, in the lines that Node prints: `CN=sns.amazonaws.com`. */
export interface CertificateNames {
  readonly subject: string;
  readonly subjectAltName: string | undefined;
  readonly issuer: string;
}

/** https, a region's SNS host, no other port, no user, no fragment. */
function readSnsUrl(text: string): { readonly url: URL; readonly host: SnsHost } | null {
  if (text.length > MAX_URL_CHARACTERS || !URL.canParse(text)) return null;
  const url = new URL(text);
  const [, region = "", domain = ""] = SNS_HOST.exec(url.hostname) ?? [];
  const isPlain = url.port === "" && url.username === "" && url.password === "" && url.hash === "";
  const isInChina = domain.endsWith(".cn");
  if (url.protocol !== "https:" || !isPlain || region === "" || isInChina !== region.startsWith("cn-"))
    return null;
  return { url, host: { region, domain } };
}

/** An address that a certificate may be fetched from. */
export function isSnsCertificateUrl(text: string): boolean {
  const read = readSnsUrl(text);
  return read !== null && read.url.search === "" && CERTIFICATE_PATH.test(read.url.pathname);
}

/** An address that confirms the subscription to this very topic, and does nothing else. */
export function isSnsConfirmationUrl(text: string, topicArn: string): boolean {
  const read = readSnsUrl(text);
  if (read === null || read.url.pathname !== "/") return false;
  const { searchParams } = read.url;
  const isOnce = ["Action", "TopicArn"].every((name) => searchParams.getAll(name).length === 1);
  const isConfirmation = searchParams.get("Action") === "ConfirmSubscription";
  return isOnce && isConfirmation && searchParams.get("TopicArn") === topicArn;
}

/**
 * Whether a certificate from this address is made out to SNS, by Amazon. The names are those that Amazon's own validator
 * expects (https://github.com/aws/aws-sdk-java-v2, `SnsHostProvider`). China's certificates have other issuers.
 */
export function isSnsCertificate(certificateUrl: string, names: CertificateNames): boolean {
  const host = readSnsUrl(certificateUrl)?.host;
  if (host === undefined || names.issuer === names.subject) return false;
  const isByAmazon = host.domain.endsWith(".cn") || names.issuer.split("\n").includes("O=Amazon");
  const madeOutTo = [
    ...linesAfter("CN=", names.subject.split("\n")),
    ...linesAfter("DNS:", names.subjectAltName?.split(", ") ?? []),
  ];
  const expected = namesOf(host);
  return isByAmazon && madeOutTo.some((name) => expected.includes(name));
}

function namesOf({ region, domain }: SnsHost): readonly string[] {
  if (region.startsWith("us-gov-")) return ["sns-us-gov-west-1.amazonaws.com"];
  if (region.startsWith("cn-")) return [`sns-${region}.${domain}`];
  return ["sns.amazonaws.com", `sns-signing.${region}.${domain}`];
}

function linesAfter(start: string, lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
}
