import { AppError, SecretBytes } from '#kernel';
import { AEAD_OVERHEAD, decryptAead, encryptAead } from './aead.js';
import { newSecretKey } from './random.js';
import type { SealBinding } from './sealer.js';

/*
 * A sealed secret: format (1) ‖ version of the key-encryption key (4, big-endian)
 *   ‖ data key wrapped by it (12 + 32 + 16) ‖ secret under the data key (12 + n + 16).
 * Everything in front of the two ciphertexts, and the binding, is authenticated with both.
 */
const FORMAT = 1;
const HEADER = 5;
const KEY_LENGTH = 32;
const WRAPPED_KEY = KEY_LENGTH + AEAD_OVERHEAD;

/** What a ciphertext inside an envelope is; one can never stand in for another. */
type Role = 'wrapped-key' | 'data-key' | 'secret';

const lengthPrefixed = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/** Each part behind its length: no two bindings have one encoding. An absent fingerprint differs from an empty one. */
const authenticated = (role: Role, header: Buffer, binding: SealBinding): Buffer =>
  Buffer.concat(
    [
      role,
      header,
      binding.purpose,
      binding.tenantId,
      binding.objectId,
      String(binding.version),
      ...(binding.fingerprint === undefined ? [] : [binding.fingerprint]),
    ].map(lengthPrefixed),
  );

function mustOpen(plaintext: Buffer | undefined): SecretBytes {
  if (plaintext) return SecretBytes.take(plaintext);
  throw new AppError('internal', {
    cause: new Error('sealed bytes do not open: wrong key, wrong binding or changed'),
  });
}

/** Wraps a secret, as a rule a 32-byte key, directly under a 32-byte key. */
export const wrapKey = (under: SecretBytes, binding: SealBinding, key: SecretBytes): Buffer =>
  encryptAead(under, authenticated('wrapped-key', Buffer.of(FORMAT), binding), key.expose('wrap a key'));

/** Throws `AppError` `internal` when the key or the binding is another or any bit was changed. */
export const unwrapKey = (under: SecretBytes, binding: SealBinding, wrapped: Buffer): SecretBytes =>
  mustOpen(decryptAead(under, authenticated('wrapped-key', Buffer.of(FORMAT), binding), wrapped));

/** Encrypts under a fresh data key, itself wrapped by `kek`; `kekVersion` (uint32) is found again by `kekVersionOf`. */
export function sealUnder(
  kek: SecretBytes,
  kekVersion: number,
  binding: SealBinding,
  plaintext: SecretBytes,
): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(FORMAT);
  header.writeUInt32BE(kekVersion, 1);
  const dataKey = newSecretKey();
  try {
    const wrapped = encryptAead(
      kek,
      authenticated('data-key', header, binding),
      dataKey.expose('wrap a data key'),
    );
    const body = encryptAead(
      dataKey,
      authenticated('secret', header, binding),
      plaintext.expose('seal a secret'),
    );
    return Buffer.concat([header, wrapped, body]);
  } finally {
    dataKey.wipe();
  }
}

/** Version of the key that `sealUnder` wrapped the data key with. Throws `AppError` `internal` for other bytes. */
export function kekVersionOf(sealed: Buffer): number {
  if (sealed.length < HEADER + WRAPPED_KEY + AEAD_OVERHEAD || sealed[0] !== FORMAT) {
    throw new AppError('internal', { cause: new Error('not a sealed secret') });
  }
  return sealed.readUInt32BE(1);
}

/** Throws `AppError` `internal` when the key or the binding is another or any bit was changed. */
export function openUnder(kek: SecretBytes, binding: SealBinding, sealed: Buffer): SecretBytes {
  kekVersionOf(sealed);
  const header = sealed.subarray(0, HEADER);
  const wrapped = sealed.subarray(HEADER, HEADER + WRAPPED_KEY);
  const dataKey = mustOpen(decryptAead(kek, authenticated('data-key', header, binding), wrapped));
  try {
    const body = sealed.subarray(HEADER + WRAPPED_KEY);
    return mustOpen(decryptAead(dataKey, authenticated('secret', header, binding), body));
  } finally {
    dataKey.wipe();
  }
}
