/** The one part of Node's crypto that the runtime provides (`nodejs_compat`) and that ingest uses. */
declare module "node:crypto" {
  export class X509Certificate {
    constructor(pem: string);
    /** A name per line: `CN=sns.amazonaws.com`. */
    readonly subject: string;
    readonly issuer: string;
    /** `DNS:sns.amazonaws.com, DNS:…` */
    readonly subjectAltName: string | undefined;
    /** As OpenSSL prints it: `Nov 21 19:46:02 2026 GMT`. */
    readonly validFrom: string;
    readonly validTo: string;
    readonly publicKey: {
      export(options: { readonly type: "spki"; readonly format: "der" }): Uint8Array;
    };
  }
}
