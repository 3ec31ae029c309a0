/** Numbers on a command line, parsed once and refused when they are none. */

/** An object with the one option, or none when it was not given: for spreading into an options object. */
export function numberOption<Name extends string>(
  name: Name,
  text: string | undefined,
): { readonly [Key in Name]?: number } {
  if (text === undefined) return {};
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new Error(`${name} has to be a number of 0 or more: ${text}`);
  // A computed key is typed as a string index; it is the one name it was given.
  return { [name]: value } as { readonly [Key in Name]?: number };
}
