/** Well known, for a gateway on this machine alone. A deployment makes its own. */

export const LOCAL_API_TOKEN = "local-api-token-not-for-production";
/** Every scope of `/admin/v1`. */
export const LOCAL_ADMIN_TOKEN = "local-admin-token-not-for-production";
export const LOCAL_DELIVERY_SECRET = `whsec_${Buffer.from("local delivery secret, 24 bytes+").toString("base64")}`;
