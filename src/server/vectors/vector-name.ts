/** The names a vector can have, in requests and as a file. */

/** No slash, no leading dot: a name can never lead out of the folder. No `@` and `+`, which model names use. */
export const vectorName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Windows takes these for devices, whatever follows the dot. */
const device = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

export function isVectorName(name: string): boolean {
  return vectorName.test(name) && !device.test(name);
}

/** A SHA-256 in hex: a vector is found by its content as well as by its name. */
export function isContentAddress(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}
