import { createDecipheriv, pbkdf2, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { AppError } from '#kernel';
import { DER_TAG, DerReader } from './der-reader.js';
import { oidTable } from './oid-table.js';
import { invalidKey } from './invalid-key.js';

const MAX_PBKDF2_ITERATIONS = 2_000_000;
const MAX_SCRYPT_MEMORY = 32 * 1024 * 1024;
const MAX_SCRYPT_PARALLEL = 16;
const MAX_SALT = 1024;

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const SCRYPT = '1.3.6.1.4.1.11591.4.11';
const HMAC_SHA1 = '1.2.840.113549.2.7';

/** Pseudo-random functions of PBKDF2 (RFC 8018 §B.1.2). */
const PRFS = oidTable({
  [HMAC_SHA1]: 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
});

/** Ciphers of PBES2 (RFC 8018 §B.2), all in CBC mode. */
const CIPHERS = oidTable({
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyLength: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyLength: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyLength: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyLength: 24 },
});

type DeriveKey = (passphrase: Buffer, keyLength: number) => Promise<Buffer>;

/** How a private key was encrypted; nothing was derived yet. */
export interface EncryptedPrivateKey {
  readonly deriveKey: DeriveKey;
  readonly cipher: { readonly name: string; readonly keyLength: number };
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
}

const derivePbkdf2 = promisify(pbkdf2);
const deriveScrypt = promisify<Buffer, Buffer, number, object, Buffer>(scrypt);

function checkSalt(salt: Buffer): Buffer {
  if (salt.length > MAX_SALT)
    throw invalidKey(`the salt of the encrypted key is longer than ${MAX_SALT} bytes`);
  return salt;
}

function readPbkdf2(parameters: DerReader): { deriveKey: DeriveKey; keyLength: number | undefined } {
  const salt = checkSalt(parameters.read(DER_TAG.octetString));
  const iterations = parameters.smallUnsigned();
  if (iterations < 1 || iterations > MAX_PBKDF2_ITERATIONS) {
    throw invalidKey(
      `the encrypted key demands ${iterations} PBKDF2 iterations: at most ${MAX_PBKDF2_ITERATIONS}`,
    );
  }
  const keyLength = parameters.peek() === DER_TAG.integer ? parameters.smallUnsigned() : undefined;
  const prfOid = parameters.done ? HMAC_SHA1 : parameters.sequence().oid();
  parameters.end();
  const hash = PRFS[prfOid];
  if (!hash) throw invalidKey(`the encrypted key uses an unsupported PBKDF2 function (${prfOid})`);
  return {
    deriveKey: (passphrase, length) => derivePbkdf2(passphrase, salt, iterations, length, hash),
    keyLength,
  };
}

function readScrypt(parameters: DerReader): { deriveKey: DeriveKey; keyLength: number | undefined } {
  const salt = checkSalt(parameters.read(DER_TAG.octetString));
  const [cost, blockSize, parallelization] = [
    parameters.smallUnsigned(),
    parameters.smallUnsigned(),
    parameters.smallUnsigned(),
  ];
  const keyLength = parameters.done ? undefined : parameters.smallUnsigned();
  parameters.end();
  if (128 * cost * blockSize > MAX_SCRYPT_MEMORY)
    throw invalidKey('the encrypted key demands more than 32 MiB for scrypt');
  if (parallelization > MAX_SCRYPT_PARALLEL) {
    throw invalidKey(
      `the encrypted key demands an scrypt parallelization of ${parallelization}: at most ${MAX_SCRYPT_PARALLEL}`,
    );
  }
  if (cost < 2 || (cost & (cost - 1)) !== 0 || blockSize < 1 || parallelization < 1) {
    throw invalidKey('the encrypted key has impossible scrypt parameters');
  }
  const options = { cost, blockSize, parallelization, maxmem: 2 * MAX_SCRYPT_MEMORY };
  return { deriveKey: (passphrase, length) => deriveScrypt(passphrase, salt, length, options), keyLength };
}

const KEY_DERIVATIONS = oidTable({ [PBKDF2]: readPbkdf2, [SCRYPT]: readScrypt });

/**
 * Reads EncryptedPrivateKeyInfo (RFC 5958) with PBES2 (RFC 8018) and refuses, before anything is derived, what
 * would cost too much. Throws `AppError` `invalid_key_material`, and `DerError` where the bytes are none.
 */
export function readEncryptedPrivateKey(der: Buffer): EncryptedPrivateKey {
  const outer = new DerReader(der);
  const info = outer.sequence();
  outer.end();
  const algorithm = info.sequence();
  const ciphertext = info.read(DER_TAG.octetString);
  info.end();
  const scheme = algorithm.oid();
  if (scheme !== PBES2)
    throw invalidKey(`the key is encrypted by an unsupported scheme (${scheme}): use PBES2`);
  const parameters = algorithm.sequence();
  const derivation = parameters.sequence();
  const encryption = parameters.sequence();
  const derivationOid = derivation.oid();
  const readDerivation = KEY_DERIVATIONS[derivationOid];
  if (!readDerivation)
    throw invalidKey(`the encrypted key uses an unsupported key derivation (${derivationOid})`);
  const { deriveKey, keyLength } = readDerivation(derivation.sequence());
  const cipherOid = encryption.oid();
  const cipher = CIPHERS[cipherOid];
  if (!cipher) throw invalidKey(`the encrypted key uses an unsupported cipher (${cipherOid})`);
  if (keyLength !== undefined && keyLength !== cipher.keyLength) {
    throw invalidKey('the encrypted key derives a key that its cipher does not take');
  }
  return { deriveKey, cipher, iv: encryption.read(DER_TAG.octetString), ciphertext };
}

export const wrongPassphrase = (cause: unknown): AppError =>
  invalidKey('the passphrase is wrong or the encrypted key is damaged', cause);

/**
 * Derives the key on the thread pool and decrypts. Whatever goes wrong is one and the same `AppError`
 * `invalid_key_material`. The caller wipes what comes back.
 */
export async function decryptPrivateKey(encrypted: EncryptedPrivateKey, passphrase: string): Promise<Buffer> {
  const { deriveKey, cipher, iv, ciphertext } = encrypted;
  const secret = Buffer.from(passphrase, 'utf8');
  const key = await deriveKey(secret, cipher.keyLength).finally(() => secret.fill(0));
  const parts: Buffer[] = [];
  try {
    const decipher = createDecipheriv(cipher.name, key, iv);
    parts.push(decipher.update(ciphertext), decipher.final());
    return Buffer.concat(parts);
  } catch (cause) {
    throw wrongPassphrase(cause);
  } finally {
    for (const secretPart of [key, ...parts]) secretPart.fill(0);
  }
}
