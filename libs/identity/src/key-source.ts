/** Where an issuer's JSON Web Key Set (RFC 7517 §5) is kept. */
export interface KeySource {
  /** The set as it stands now, as text. Throws when it cannot be had, in time and within its size. */
  load(): Promise<string>;
}

/** Largest key set that is read, in bytes. */
const MAX_BYTES = 256 * 1024;

/** Reads UTF-8 text, and stops reading with an error as soon as it is larger than a key set may be. */
export async function readBounded(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new Error(`the key set is larger than ${MAX_BYTES} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}
