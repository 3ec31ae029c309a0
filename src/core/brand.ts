declare const brand: unique symbol;

/** A string or number with a meaning the compiler keeps apart from other strings and numbers. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
