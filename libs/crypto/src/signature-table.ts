import type { KeyAlgorithm, KeySpec } from './key-specs.js';

export type HashName = 'sha256' | 'sha384' | 'sha512';

/** One signature algorithm: a row of the table, never a branch. */
export interface SignatureRow {
  readonly name: string;
  /** Other names callers may use: Go's `x509.SignatureAlgorithm` names and JWS names (RFC 7518, RFC 8037, RFC 8812). */
  readonly aliases: readonly string[];
  readonly keyAlgorithm: KeyAlgorithm;
  /** Only keys of this size, where the algorithm is tied to one. */
  readonly keySize?: number;
  readonly scheme: 'pkcs1' | 'pss' | 'ecdsa' | 'pure';
  /** Absent where the scheme hashes inside (Ed25519, ML-DSA): such rows take messages only. */
  readonly hash?: HashName;
  /** Signatures are normalised to the lower S (BIP 146). */
  readonly lowS?: true;
}

const HASHES = ['256', '384', '512'] as const;

const ROWS: SignatureRow[] = [
  ...HASHES.map((bits): SignatureRow => ({
    name: `RSASSA_PKCS1_V1_5_SHA_${bits}`,
    aliases: [`SHA${bits}WithRSA`, `RS${bits}`],
    keyAlgorithm: 'RSA',
    scheme: 'pkcs1',
    hash: `sha${bits}`,
  })),
  ...HASHES.map((bits): SignatureRow => ({
    name: `RSASSA_PSS_SHA_${bits}`,
    aliases: [`SHA${bits}WithRSAPSS`, `PS${bits}`],
    keyAlgorithm: 'RSA',
    scheme: 'pss',
    hash: `sha${bits}`,
  })),
  ...HASHES.map((bits): SignatureRow => ({
    name: `ECDSA_SHA_${bits}`,
    aliases: [`ECDSAWithSHA${bits}`, `ES${bits}`],
    keyAlgorithm: 'ECDSA',
    scheme: 'ecdsa',
    hash: `sha${bits}`,
  })),
  {
    name: 'ECDSA_SECP256K1_SHA_256',
    aliases: ['ES256K'],
    keyAlgorithm: 'ECDSA_SECP256K1',
    scheme: 'ecdsa',
    hash: 'sha256',
    lowS: true,
  },
  { name: 'ED25519', aliases: ['PureEd25519', 'EdDSA', 'Ed25519'], keyAlgorithm: 'Ed25519', scheme: 'pure' },
  ...([44, 65, 87] as const).map((size): SignatureRow => ({
    name: `ML_DSA_${size}`,
    aliases: [`ML-DSA-${size}`],
    keyAlgorithm: 'ML_DSA',
    keySize: size,
    scheme: 'pure',
  })),
];

/** Every signature algorithm, in the order the documentation lists them. */
export const SIGNATURE_TABLE: readonly SignatureRow[] = Object.freeze(ROWS.map((row) => Object.freeze(row)));

const BY_NAME: Readonly<Record<string, SignatureRow | undefined>> = Object.freeze(
  Object.assign(
    Object.create(null) as object,
    Object.fromEntries(
      SIGNATURE_TABLE.flatMap((row) => [row.name, ...row.aliases].map((name) => [name, row] as const)),
    ),
  ),
);

/** Finds a row by its name or one of its aliases, exactly as written. */
export const findSignatureRow = (name: string): SignatureRow | undefined => BY_NAME[name];

/** Whether a key of `spec` can make signatures of `row`. */
export const fits = (row: SignatureRow, spec: Pick<KeySpec, 'algorithm' | 'size'>): boolean =>
  row.keyAlgorithm === spec.algorithm && (row.keySize === undefined || row.keySize === spec.size);

/** Digest length in bytes. */
export const digestLength = (hash: HashName): number => DIGEST_LENGTHS[hash];

const DIGEST_LENGTHS: Readonly<Record<HashName, number>> = Object.freeze({
  sha256: 32,
  sha384: 48,
  sha512: 64,
});
