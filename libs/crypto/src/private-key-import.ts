import { createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { AppError, SecretBytes } from '#kernel';
import { ConcurrencyLimit } from './concurrency-limit.js';
import { sha256Hex } from './derive.js';
import { decryptPrivateKey, readEncryptedPrivateKey, wrongPassphrase } from './encrypted-private-key.js';
import type { KeySpec } from './key-specs.js';
import { invalidKey } from './invalid-key.js';
import { readKeyEncoding, type EncodedKey } from './pem.js';
import { privateKeyForm, readPkcs8, toPkcs8 } from './private-key-encoding.js';
import { canonicalPrivateKey } from './private-key-readers.js';

export interface ParsedPrivateKey {
  /** PrivateKeyInfo, DER, in the one encoding a key is kept in here. */
  readonly pkcs8: SecretBytes;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
  readonly spec: KeySpec;
  /** SHA-256 of `spki`, hex. */
  readonly fingerprint: string;
}

const MAX_PASSPHRASE = 1024;
const DEADLINE_MS = 10_000;

/** Deriving and prime checks hold a thread of the pool for a second; signing must find others free. */
const IMPORTS = new ConcurrencyLimit(1, 256);

const signAsync = promisify<string | null, Buffer, KeyObject, Buffer>(sign);
const verifyAsync = promisify<string | null, Buffer, KeyObject, Buffer, boolean>(verify);

/** FIPS 140-3's pairwise consistency: what the private half signs, the public half accepts. */
async function checkPair(pkcs8: Buffer, spki: Buffer, spec: KeySpec): Promise<void> {
  const hash = spec.keyType === 'rsa' || spec.keyType === 'ec' ? 'sha256' : null;
  const message = randomBytes(32);
  const signature = await signAsync(
    hash,
    message,
    createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
  );
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (!(await verifyAsync(hash, message, publicKey, signature))) {
    throw invalidKey('the two halves of the key do not belong together');
  }
}

async function parsePkcs8(pkcs8: Buffer): Promise<ParsedPrivateKey> {
  const canonical = await canonicalPrivateKey(readPkcs8(pkcs8));
  try {
    await checkPair(canonical.pkcs8, canonical.spki, canonical.spec);
  } catch (error) {
    canonical.pkcs8.fill(0);
    throw error;
  }
  const { spki, spec } = canonical;
  return { pkcs8: SecretBytes.take(canonical.pkcs8), spki, spec, fingerprint: sha256Hex(spki) };
}

async function parseEncrypted(der: Buffer, passphrase: string | undefined): Promise<ParsedPrivateKey> {
  const encrypted = readEncryptedPrivateKey(der);
  if (passphrase === undefined) throw invalidKey('the private key is encrypted: give its passphrase');
  const pkcs8 = await decryptPrivateKey(encrypted, passphrase);
  try {
    return await parsePkcs8(pkcs8);
  } catch (error) {
    // One wrong passphrase in 256 leaves padding that looks right.
    throw error instanceof AppError ? error : wrongPassphrase(error);
  } finally {
    pkcs8.fill(0);
  }
}

async function parse(encoded: EncodedKey, passphrase: string | undefined): Promise<ParsedPrivateKey> {
  const form = privateKeyForm(encoded);
  if (form === 'encrypted') return parseEncrypted(encoded.der, passphrase);
  const pkcs8 = toPkcs8(encoded.der, form);
  try {
    return await parsePkcs8(pkcs8);
  } finally {
    pkcs8.fill(0);
  }
}

/**
 * Runs the work when its turn comes and from then on waits no longer than the deadline. The work itself
 * cannot be stopped, but is bounded: it keeps its turn until it ends, and a late key is wiped.
 */
async function inTurn(
  group: string,
  work: () => Promise<ParsedPrivateKey>,
  deadlineMs: number,
): Promise<ParsedPrivateKey> {
  let timer: NodeJS.Timeout | undefined;
  return new Promise<ParsedPrivateKey>((resolve, reject) => {
    const parsed = IMPORTS.run(group, () => {
      timer = setTimeout(() => {
        parsed.then(({ pkcs8 }) => pkcs8.wipe()).catch(() => undefined);
        reject(invalidKey(`reading the private key took longer than ${deadlineMs / 1000} s`));
      }, deadlineMs);
      return work();
    });
    parsed.then(resolve, reject);
  }).finally(() => clearTimeout(timer));
}

/**
 * Reads and checks a private key: PEM or DER; PKCS#8, PKCS#1, SEC 1, or PKCS#8 encrypted with PBES2 and
 * `passphrase`, which is ignored where nothing is encrypted. What takes long runs off the event loop. `bytes`
 * stay the caller's to wipe. Groups (tenants) take turns. Throws `AppError`: `invalid_key_material` with the reason,
 * `unsupported_by_engine` where no engine here holds such a key, `rate_limited` when too many of the group wait.
 */
export async function parsePrivateKey(
  group: string,
  bytes: Buffer,
  passphrase?: string,
  deadlineMs: number = DEADLINE_MS,
): Promise<ParsedPrivateKey> {
  const encoded = readKeyEncoding(bytes);
  if (passphrase !== undefined && passphrase.length > MAX_PASSPHRASE) {
    throw invalidKey(`the passphrase is longer than ${MAX_PASSPHRASE} characters`);
  }
  try {
    return await inTurn(group, () => parse(encoded, passphrase), deadlineMs);
  } catch (error) {
    throw error instanceof AppError ? error : invalidKey('the private key is not readable PEM or DER', error);
  }
}
