/** Bytes that are not the strict DER expected. Translated where they were read; never leaves this lib. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** Identifier octets of what keys and signatures are made of (X.690 §8.1.2). */
export const DER_TAG = Object.freeze({
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  /** Constructed, context-specific `[n]`. */
  explicit: (n: number): number => 0xa0 | n,
  /** Primitive, context-specific `[n]`. */
  implicit: (n: number): number => 0x80 | n,
});

/**
 * Reads DER strictly (X.690 §10): definite minimal lengths, minimal integers, single-byte tags.
 * What it returns are views into the bytes given, never copies, so that secrets are not multiplied.
 * Every method throws `DerError` where the bytes are otherwise.
 */
export class DerReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get done(): boolean {
    return this.#at === this.bytes.length;
  }

  /** The tag of the next element; `undefined` at the end. */
  peek(): number | undefined {
    return this.bytes[this.#at];
  }

  /** Content of the next element, which must have `tag`. */
  read(tag: number): Buffer {
    if (this.peek() !== tag) throw new DerError('unexpected element');
    const start = this.#at + 1;
    const { length, headerLength } = this.#length(start);
    const from = start + headerLength;
    if (from + length > this.bytes.length) throw new DerError('truncated');
    this.#at = from + length;
    return this.bytes.subarray(from, this.#at);
  }

  /** Content of the next element when it has `tag`, else `undefined` and nothing is consumed. */
  readOptional(tag: number): Buffer | undefined {
    return this.peek() === tag ? this.read(tag) : undefined;
  }

  sequence(): DerReader {
    return new DerReader(this.read(DER_TAG.sequence));
  }

  /** Magnitude of a non-negative INTEGER, without the sign octet; zero is one zero byte. */
  unsigned(): Buffer {
    const content = this.read(DER_TAG.integer);
    const [first, second] = content;
    if (first === undefined || first >= 0x80) throw new DerError('not a non-negative integer');
    if (content.length === 1) return content;
    if (first !== 0) return content;
    if (second === undefined || second < 0x80) throw new DerError('not a minimal integer');
    return content.subarray(1);
  }

  /** A non-negative INTEGER of at most 48 bits. */
  smallUnsigned(): number {
    const magnitude = this.unsigned();
    if (magnitude.length > 6) throw new DerError('integer out of range');
    return magnitude.readUIntBE(0, magnitude.length);
  }

  /** OBJECT IDENTIFIER in dotted decimal. */
  oid(): string {
    const content = this.read(DER_TAG.oid);
    if (content.length === 0 || content.length > 32) throw new DerError('object identifier out of range');
    const arcs: number[] = [];
    let arc = 0;
    for (const [index, byte] of content.entries()) {
      if (arc === 0 && byte === 0x80) throw new DerError('not a minimal object identifier');
      arc = arc * 128 + (byte & 0x7f);
      if (!Number.isSafeInteger(arc)) throw new DerError('object identifier out of range');
      if (byte < 0x80) {
        arcs.push(arc);
        arc = 0;
      } else if (index === content.length - 1) throw new DerError('truncated object identifier');
    }
    const [first = 0, ...rest] = arcs;
    const root = Math.min(2, Math.floor(first / 40));
    return [root, first - root * 40, ...rest].join('.');
  }

  /** BIT STRING of whole octets. */
  bitString(): Buffer {
    const content = this.read(DER_TAG.bitString);
    if (content[0] !== 0) throw new DerError('bit string of broken octets');
    return content.subarray(1);
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.done) throw new DerError('trailing bytes');
  }

  #length(at: number): { length: number; headerLength: number } {
    const first = this.bytes[at];
    if (first === undefined) throw new DerError('truncated');
    if (first < 0x80) return { length: first, headerLength: 1 };
    const count = first & 0x7f;
    if (count === 0 || count > 4 || at + count >= this.bytes.length) throw new DerError('bad length');
    const length = this.bytes.readUIntBE(at + 1, count);
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw new DerError('not a minimal length');
    return { length, headerLength: 1 + count };
  }
}
