import { createHash, randomBytes } from 'node:crypto';
import type { OpenSsl } from './openssl.js';

type Hash = 'sha256' | 'sha384' | 'sha512';

/** A kind of key and a signature algorithm that fits it, told apart by what openssl needs to know. */
export interface SignatureCase {
  readonly title: string;
  /** Of the key. */
  readonly kind: { readonly algorithm: string; readonly size?: number };
  /** Arguments of `openssl genpkey` for such a key. */
  readonly genpkey: readonly string[];
  readonly algorithm: string;
  readonly hash?: Hash;
  readonly pss?: boolean;
}

const HASHES: readonly Hash[] = ['sha256', 'sha384', 'sha512'];
const bitsOf = (hash: Hash): string => hash.slice(3);

const rsa = (size: number): SignatureCase[] =>
  HASHES.flatMap((hash) =>
    [false, true].map((pss) => ({
      title: `RSA ${size}, ${pss ? 'PSS' : 'PKCS#1 v1.5'}, ${hash}`,
      kind: { algorithm: 'RSA', size },
      genpkey: ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${size}`],
      algorithm: `RSASSA_${pss ? 'PSS' : 'PKCS1_V1_5'}_SHA_${bitsOf(hash)}`,
      hash,
      pss,
    })),
  );

const ecdsa = (size: number): SignatureCase[] =>
  HASHES.map((hash) => ({
    title: `P-${size}, ${hash}`,
    kind: { algorithm: 'ECDSA', size },
    genpkey: ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:P-${size}`],
    algorithm: `ECDSA_SHA_${bitsOf(hash)}`,
    hash,
  }));

/** Every algorithm with every kind of key that it fits and that openssl 3.0 knows. */
export const SIGNATURE_CASES: readonly SignatureCase[] = [
  ...[2048, 3072, 4096].flatMap(rsa),
  ...[224, 256, 384, 521].flatMap(ecdsa),
  {
    title: 'secp256k1, sha256',
    kind: { algorithm: 'ECDSA_SECP256K1', size: 256 },
    genpkey: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
    algorithm: 'ECDSA_SECP256K1_SHA_256',
    hash: 'sha256',
  },
  {
    title: 'Ed25519',
    kind: { algorithm: 'Ed25519' },
    genpkey: ['-algorithm', 'ED25519'],
    algorithm: 'ED25519',
  },
];

/** What is signed: a message of a random length, and its digest where the algorithm has a hash. */
export function newMessage({ hash }: SignatureCase): { message: Buffer; digest: Buffer | undefined } {
  const message = randomBytes(1 + (randomBytes(2).readUInt16BE() % 3_000));
  return { message, digest: hash && createHash(hash).update(message).digest() };
}

const options = ({ hash, pss }: SignatureCase, salt: string): string[] =>
  [
    ...(hash ? [`digest:${hash}`] : []),
    ...(pss ? ['rsa_padding_mode:pss', `rsa_pss_saltlen:${salt}`] : []),
  ].flatMap((option) => ['-pkeyopt', option]);

/** Whether openssl accepts the signature: over the digest (`pkeyutl`) where there is one, else over the message. */
export async function opensslAccepts(
  openssl: OpenSsl,
  one: SignatureCase,
  publicKey: Buffer,
  signature: Buffer,
  { message, digest }: { message: Buffer; digest?: Buffer | undefined },
  salt = 'digest',
): Promise<boolean> {
  const contents = [publicKey, signature, digest ?? message];
  const [key, sig, data] = await Promise.all(contents.map((content) => openssl.file(content)));
  const how = digest ? options(one, salt) : ['-rawin'];
  const args = ['pkeyutl', '-verify', '-pubin', '-inkey', key!, '-sigfile', sig!, '-in', data!, ...how];
  return (await openssl.run(args)).stdout.includes('Signature Verified Successfully');
}

/** A signature made by openssl. */
export async function opensslSigns(
  openssl: OpenSsl,
  one: SignatureCase,
  privateKey: Buffer,
  { message, digest }: { message: Buffer; digest?: Buffer | undefined },
  salt = 'digest',
): Promise<Buffer> {
  const [key, data] = await Promise.all(
    [privateKey, digest ?? message].map((content) => openssl.file(content)),
  );
  const how = digest ? options(one, salt) : ['-rawin'];
  return openssl.print(['pkeyutl', '-sign', '-inkey', key!, '-in', data!, ...how]);
}
