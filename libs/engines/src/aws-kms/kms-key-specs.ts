import type { KeySpec as AwsKeySpec, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import { findKeySpec, runtimeKeySpecs, type KeyAlgorithm, type KeySpec, type SignatureRow } from '#crypto';

interface SpecRow {
  readonly aws: AwsKeySpec;
  readonly spec: KeySpec;
  /** AWS's names of the signature algorithms that it offers with such keys, by ours. */
  readonly algorithms: Readonly<Record<string, SigningAlgorithmSpec>>;
  /** Whether RSA_AES_KEY_WRAP carries such a key: RSA and elliptic curves of NIST and SEC. */
  readonly imported: boolean;
}

type Algorithms = SpecRow['algorithms'];

const RSA: Algorithms = Object.fromEntries(
  (['256', '384', '512'] as const).flatMap((bits) => [
    [`RSASSA_PKCS1_V1_5_SHA_${bits}`, `RSASSA_PKCS1_V1_5_SHA_${bits}`],
    [`RSASSA_PSS_SHA_${bits}`, `RSASSA_PSS_SHA_${bits}`],
  ]),
);

const row = (
  aws: AwsKeySpec,
  [algorithm, size]: readonly [KeyAlgorithm, number],
  algorithms: Algorithms,
  imported = false,
): SpecRow => {
  const spec = findKeySpec(algorithm, size);
  if (spec) return Object.freeze({ aws, spec, algorithms, imported });
  throw new TypeError(`no key is ${algorithm} ${size}`);
};

/** What is offered of AWS KMS. Its curves take their own hash only; P-224 and salts of other lengths it has none. */
const ROWS: readonly SpecRow[] = [
  row('RSA_2048', ['RSA', 2048], RSA, true),
  row('RSA_3072', ['RSA', 3072], RSA, true),
  row('RSA_4096', ['RSA', 4096], RSA, true),
  row('ECC_NIST_P256', ['ECDSA', 256], { ECDSA_SHA_256: 'ECDSA_SHA_256' }, true),
  row('ECC_NIST_P384', ['ECDSA', 384], { ECDSA_SHA_384: 'ECDSA_SHA_384' }, true),
  row('ECC_NIST_P521', ['ECDSA', 521], { ECDSA_SHA_512: 'ECDSA_SHA_512' }, true),
  row('ECC_SECG_P256K1', ['ECDSA_SECP256K1', 256], { ECDSA_SECP256K1_SHA_256: 'ECDSA_SHA_256' }, true),
  row('ECC_NIST_EDWARDS25519', ['Ed25519', 256], { ED25519: 'ED25519_SHA_512' }),
  row('ML_DSA_44', ['ML_DSA', 44], { ML_DSA_44: 'ML_DSA_SHAKE_256' }),
  row('ML_DSA_65', ['ML_DSA', 65], { ML_DSA_65: 'ML_DSA_SHAKE_256' }),
  row('ML_DSA_87', ['ML_DSA', 87], { ML_DSA_87: 'ML_DSA_SHAKE_256' }),
];

/** Nothing is signed whose signature cannot be verified here. */
const verifiable = (): readonly SpecRow[] => ROWS.filter(({ spec }) => runtimeKeySpecs().includes(spec));

export const offeredSpecs = (): KeySpec[] => verifiable().map(({ spec }) => spec);

export const importedSpecs = (): KeySpec[] =>
  verifiable()
    .filter(({ imported }) => imported)
    .map(({ spec }) => spec);

/** AWS's name of a kind of key. */
export const awsKeySpec = (spec: KeySpec): AwsKeySpec | undefined =>
  verifiable().find((one) => one.spec === spec)?.aws;

/** The kind of key that AWS means. */
export const keySpecOfAws = (aws: string | undefined): KeySpec | undefined =>
  verifiable().find((one) => one.aws === aws)?.spec;

/** AWS's name of an algorithm with such a key; `undefined` where it does not offer that. */
export const signingAlgorithm = (spec: KeySpec, { name }: SignatureRow): SigningAlgorithmSpec | undefined =>
  ROWS.find((one) => one.spec === spec)?.algorithms[name];
