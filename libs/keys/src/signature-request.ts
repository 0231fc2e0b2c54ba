import { digestLength, findSignatureRow, fits, type SignatureFormat, type SignatureRow } from '#crypto';
import { AppError, invalidMember } from '#kernel';
import { decodeBase64 } from './base64.js';
import { LIMITS } from './key-rules.js';
import type { KeyEntity } from './key.entity.js';

export type SaltLength = 'auto' | 'hash' | number;

/** The body of a sign request, as sent. */
export interface SignInput {
  readonly algorithm: string;
  /** Base64 of the message or digest. */
  readonly message: string;
  /** `raw`, or `hash` or `digest`, in any case. */
  readonly message_type?: string;
  readonly signature_format?: SignatureFormat;
  readonly salt_length?: SaltLength;
}

/** A sign request, decoded and checked as far as it can be without its key. */
export interface SignatureRequest {
  readonly row: SignatureRow;
  readonly type: 'raw' | 'digest';
  readonly data: Buffer;
  readonly format: SignatureFormat;
  readonly saltLength: SaltLength;
}

const TYPES: Readonly<Record<string, 'raw' | 'digest' | undefined>> = Object.freeze(
  Object.assign(Object.create(null) as object, { raw: 'raw', hash: 'digest', digest: 'digest' } as const),
);

function readType(text: string | undefined): 'raw' | 'digest' {
  const type = TYPES[(text ?? 'raw').toLowerCase()];
  if (!type) throw invalidMember('message_type', 'must be raw, hash or digest');
  return type;
}

function readMessage(text: string): Buffer {
  const data = decodeBase64(text);
  if (!data) throw invalidMember('message', 'must be base64');
  if (data.length === 0) throw invalidMember('message', 'must not be empty');
  if (data.length > LIMITS.messageBytes) {
    throw new AppError('body_too_large', { detail: `The message exceeds ${LIMITS.messageBytes} bytes.` });
  }
  return data;
}

/** Throws `validation_failed`, `invalid_algorithm`, `body_too_large`. Needs no key, so that it tells of none. */
export function readSignatureRequest(input: SignInput): SignatureRequest {
  const row = findSignatureRow(input.algorithm);
  if (!row) throw new AppError('invalid_algorithm', { detail: 'The signature algorithm is unknown.' });
  const type = readType(input.message_type);
  const data = readMessage(input.message);
  if (type === 'digest') {
    if (!row.hash)
      throw new AppError('invalid_algorithm', { detail: `${row.name} signs messages, not digests.` });
    const expected = digestLength(row.hash);
    if (data.length !== expected) {
      throw new AppError('invalid_algorithm', {
        detail: `A digest for ${row.name} has ${expected} bytes, not ${data.length}.`,
      });
    }
  }
  if (input.salt_length !== undefined && row.scheme !== 'pss')
    throw invalidMember('salt_length', 'is for RSASSA-PSS only');
  const format = input.signature_format ?? 'der';
  return { row, type, data, format, saltLength: input.salt_length ?? 'hash' };
}

/** Throws `invalid_algorithm` where the key cannot make or check such signatures. */
export function requireFit(row: SignatureRow, key: Pick<KeyEntity, 'algorithm' | 'size'>): void {
  if (fits(row, key as Parameters<typeof fits>[1])) return;
  throw new AppError('invalid_algorithm', {
    detail: `${row.name} does not fit a key of type ${key.algorithm} ${key.size}.`,
  });
}
