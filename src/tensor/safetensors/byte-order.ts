/** True where typed arrays store the low byte first, as safetensors does (every common machine). */
const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * A copy of little-endian elements in the host's byte order (or the other way round: the swap is its own inverse),
 * at offset 0 of its own buffer, so that any typed array can view it.
 *
 * @param bytes whole elements, at any alignment.
 * @param elementBytes 1, 2, 4 or 8.
 * @param littleEndianHost for tests of the other byte order; default: this host.
 */
export function copyInHostOrder(
  bytes: Uint8Array,
  elementBytes: number,
  littleEndianHost: boolean = hostIsLittleEndian,
): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  if (!littleEndianHost && elementBytes > 1) {
    for (let at = 0; at < copy.length; at += elementBytes) copy.subarray(at, at + elementBytes).reverse();
  }
  return copy;
}
