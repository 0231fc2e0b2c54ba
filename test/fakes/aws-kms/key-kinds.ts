import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { runtimeKeySpecs, type KeySpec } from '#crypto';
import { KmsRefusal } from './kms-refusal.js';

export interface FakeAlgorithm {
  readonly scheme: 'pkcs1' | 'pss' | 'ecdsa' | 'pure';
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
}

/** What a `KeySpec` is made of. */
export interface KeyKind {
  readonly keySpec: string;
  readonly type: KeySpec['keyType'];
  readonly modulusLength?: number;
  readonly namedCurve?: string;
  readonly algorithms: Readonly<Record<string, FakeAlgorithm>>;
  /** Whether RSA_AES_KEY_WRAP_* carries such keys. */
  readonly imported: boolean;
}

const HASHES = ['256', '384', '512'] as const;
const RSA = Object.fromEntries(
  HASHES.flatMap((bits) => [
    [`RSASSA_PKCS1_V1_5_SHA_${bits}`, { scheme: 'pkcs1', hash: `sha${bits}` }],
    [`RSASSA_PSS_SHA_${bits}`, { scheme: 'pss', hash: `sha${bits}` }],
  ]),
) as Record<string, FakeAlgorithm>;

const rsa = (modulusLength: number): KeyKind => ({
  keySpec: `RSA_${modulusLength}`,
  type: 'rsa',
  modulusLength,
  algorithms: RSA,
  imported: true,
});
const ec = (keySpec: string, namedCurve: string, bits: (typeof HASHES)[number]): KeyKind => ({
  keySpec,
  type: 'ec',
  namedCurve,
  algorithms: { [`ECDSA_SHA_${bits}`]: { scheme: 'ecdsa', hash: `sha${bits}` } },
  imported: true,
});

const KINDS: readonly KeyKind[] = [
  rsa(2048),
  rsa(3072),
  rsa(4096),
  ec('ECC_NIST_P256', 'prime256v1', '256'),
  ec('ECC_NIST_P384', 'secp384r1', '384'),
  ec('ECC_NIST_P521', 'secp521r1', '512'),
  ec('ECC_SECG_P256K1', 'secp256k1', '256'),
  {
    keySpec: 'ECC_NIST_EDWARDS25519',
    type: 'ed25519',
    algorithms: { ED25519_SHA_512: { scheme: 'pure' } },
    imported: false,
  },
  // As far as this runtime can make them.
  ...runtimeKeySpecs()
    .filter(({ algorithm }) => algorithm === 'ML_DSA')
    .map(({ size, keyType }): KeyKind => ({
      keySpec: `ML_DSA_${size}`,
      type: keyType,
      algorithms: { ML_DSA_SHAKE_256: { scheme: 'pure' } },
      imported: false,
    })),
];

/** The fake knows the kinds that every runtime of these tests can make; KMS knows more. */
export function kindOf(keySpec: string): KeyKind {
  const kind = KINDS.find((one) => one.keySpec === keySpec);
  if (kind) return kind;
  throw new KmsRefusal(
    'UnsupportedOperationException',
    `KeySpec ${keySpec} is not supported in this Region.`,
  );
}

const generate = promisify(generateKeyPair);

/** A private key of this kind. */
export async function makePrivateKey({ type, modulusLength, namedCurve }: KeyKind): Promise<KeyObject> {
  const options = { modulusLength: modulusLength ?? 0, namedCurve: namedCurve ?? '' };
  return (await generate(type as 'ec', options)).privateKey;
}

/** Whether a key from elsewhere is of this kind. */
export function isOfKind({ type, modulusLength, namedCurve }: KeyKind, key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails;
  return (
    key.asymmetricKeyType === type &&
    details?.modulusLength === modulusLength &&
    details?.namedCurve === namedCurve
  );
}
