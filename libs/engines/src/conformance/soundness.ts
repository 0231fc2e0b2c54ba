import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import { expect } from 'vitest';
import {
  SIGNATURE_TABLE,
  fingerprintOf,
  fits,
  verifySignature,
  type KeySpec,
  type SignatureRow,
} from '#crypto';
import type { Engine, EngineKey, EngineKeyRef, SignInput, StoredEngineKey } from '../engine.js';
import { cliKnows, verifiesWithCli } from './openssl-cli.js';

/** What is signed throughout. */
export const message = Buffer.from('what is signed');
export const TENANT = 'acme';

export const code = (expected: string) => expect.objectContaining({ code: expected });
/** The algorithms that fit such a key, whatever the engine can do. */
export const rowsOf = (spec: KeySpec): SignatureRow[] => SIGNATURE_TABLE.filter((row) => fits(row, spec));
export const digestOf = (row: SignatureRow): Buffer =>
  createHash(row.hash ?? 'sha256')
    .update(message)
    .digest();
/** As the key plane would have stored it. */
export const stored = (ref: EngineKeyRef, spec: KeySpec, key: EngineKey): StoredEngineKey => ({
  ...ref,
  ...key,
  spec,
  fingerprint: fingerprintOf(key.spki),
});

/** What Node says of a signature over the message. A digest's signature is one over the message it is of. */
export function verifiesWithNode(
  key: StoredEngineKey,
  row: SignatureRow,
  signature: Buffer,
  saltLength?: number,
): boolean {
  const publicKey = createPublicKey({ key: key.spki, format: 'der', type: 'spki' });
  const padding = row.scheme === 'pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const options = row.scheme === 'pss' ? { saltLength: saltLength ?? constants.RSA_PSS_SALTLEN_DIGEST } : {};
  const rsa = key.spec.keyType === 'rsa' ? { padding, ...options } : {};
  return verify(row.hash ?? null, message, { key: publicKey, ...rsa }, signature);
}

/** Signs, and lets Node, this library and the openssl command judge. */
export async function expectSound(engine: Engine, key: StoredEngineKey, input: SignInput): Promise<void> {
  const { row, type, data, saltLength } = input;
  const signature = await engine.sign(key, input);
  const { spki, spec } = key;
  expect(verifiesWithNode(key, row, signature, saltLength)).toBe(true);
  const salt = saltLength === undefined ? {} : { saltLength };
  expect(await verifySignature({ spki, spec, row, type, data, signature, ...salt })).toBe(true);
  if (!cliKnows(spec)) return;
  const verification = { spki, row, type, signature, ...salt };
  expect(verifiesWithCli({ ...verification, data })).toBe(true);
  const otherData = Buffer.from(data.map((byte) => byte ^ 1));
  expect(verifiesWithCli({ ...verification, data: otherData })).toBe(false);
}
