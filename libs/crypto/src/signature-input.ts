import { AppError } from '#kernel';
import type { KeySpec } from './key-specs.js';
import { digestLength, fits, type HashName, type SignatureRow } from './signature-table.js';

/** What is to be signed or verified. */
export interface SignatureInput {
  readonly spec: KeySpec;
  readonly row: SignatureRow;
  /** `raw`: `data` is the message; `digest`: it is the digest, and is never hashed again. */
  readonly type: 'raw' | 'digest';
  readonly data: Buffer;
  /** RSASSA-PSS salt length in bytes; absent: the digest's length. */
  readonly saltLength?: number;
}

/** The longest RSASSA-PSS salt that a modulus of `size` bits has room for, in bytes (RFC 8017 §9.1.1). */
export const maxSaltLength = (size: number, hash: HashName): number =>
  Math.ceil((size - 1) / 8) - digestLength(hash) - 2;

type Input = Omit<SignatureInput, 'spec'>;

const refused = (detail: string): AppError => new AppError('invalid_algorithm', { detail });

function checkSaltLength({ size }: KeySpec, { row, saltLength }: Input): void {
  if (saltLength === undefined) return;
  if (row.scheme !== 'pss' || !row.hash) throw refused(`${row.name} has no salt`);
  const max = maxSaltLength(size, row.hash);
  if (!Number.isInteger(saltLength) || saltLength < 0 || saltLength > max) {
    throw refused(`the salt of ${row.name} with this key has 0 to ${max} bytes`);
  }
}

/**
 * What signing and verifying demand alike. Throws `AppError`: `invalid_algorithm` where algorithm, key,
 * digest or salt do not fit each other, `validation_failed` for an empty message.
 */
export function checkSignatureInput(spec: KeySpec, input: Input): void {
  const { row, type, data } = input;
  if (!fits(row, spec)) throw refused(`${row.name} does not fit a key of ${spec.algorithm} ${spec.size}`);
  checkSaltLength(spec, input);
  if (type === 'raw') {
    if (data.length === 0) throw new AppError('validation_failed', { detail: 'the message is empty' });
    return;
  }
  if (!row.hash) throw refused(`${row.name} takes messages only, not digests`);
  const length = digestLength(row.hash);
  if (data.length !== length) {
    throw refused(`the digest for ${row.name} has ${length} bytes, not ${data.length}`);
  }
}
