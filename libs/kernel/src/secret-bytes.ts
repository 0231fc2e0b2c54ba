import { inspect } from 'node:util';

/**
 * Bytes that must not leak: not logged, not serialised, not compared by accident.
 * `expose(reason)` is the only way to them, and names why, so that each access can be found.
 */
export class SecretBytes {
  #bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Takes ownership of `bytes`: the caller must not keep or change them. */
  static take(bytes: Buffer): SecretBytes {
    return new SecretBytes(bytes);
  }

  /** The live bytes, not a copy. `reason` is for the reader of the code. */
  expose(reason: string): Buffer {
    if (!reason) throw new TypeError('a reason is required');
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Overwrites the bytes. Afterwards `expose` gives an empty buffer. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#bytes = Buffer.alloc(0);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  /** `==`, `<`, template strings and arithmetic on a secret are mistakes. */
  [Symbol.toPrimitive](): never {
    throw new TypeError('a secret cannot be converted');
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
