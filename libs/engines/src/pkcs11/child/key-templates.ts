import type { Template } from 'pkcs11js';
import { CKA, CKK, CKO } from '../cryptoki.js';
import type { PairPlan, PublicParts } from '../token-protocol.js';

/** Whether the pair stays on the token when the session ends, and what it is called there. */
export interface Stay {
  readonly id: Buffer;
  readonly label: string;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'base64');

const naming = (stay: Stay | undefined): Template =>
  stay
    ? [
        { type: CKA.TOKEN, value: true },
        { type: CKA.ID, value: stay.id },
        { type: CKA.LABEL, value: stay.label },
      ]
    : [{ type: CKA.TOKEN, value: false }];

/** Each usage is said: what a template leaves out, some tokens allow. */
const PUBLIC_USES: Template = [
  { type: CKA.VERIFY, value: true },
  { type: CKA.ENCRYPT, value: false },
  { type: CKA.WRAP, value: false },
];

const PRIVATE_USES: Template = [
  { type: CKA.SIGN, value: true },
  { type: CKA.DECRYPT, value: false },
  { type: CKA.UNWRAP, value: false },
  { type: CKA.DERIVE, value: false },
];

/** How the key is guarded: by login, never in the clear, never out of the token. */
const GUARD: Template = [
  { type: CKA.PRIVATE, value: true },
  { type: CKA.SENSITIVE, value: true },
  { type: CKA.EXTRACTABLE, value: false },
];

export const publicTemplate = ({ modulusBits, curve }: PairPlan, stay: Stay | undefined): Template => [
  ...naming(stay),
  ...PUBLIC_USES,
  { type: CKA.PRIVATE, value: false },
  ...(curve === undefined ? [] : [{ type: CKA.EC_PARAMS, value: bytes(curve) }]),
  ...(modulusBits === undefined
    ? []
    : [
        { type: CKA.MODULUS_BITS, value: modulusBits },
        { type: CKA.PUBLIC_EXPONENT, value: Buffer.of(1, 0, 1) },
      ]),
];

export const privateTemplate = (stay: Stay | undefined): Template => [
  ...naming(stay),
  ...PRIVATE_USES,
  ...GUARD,
];

/** A pair that wraps and opens, and with which nobody who is logged in can do anything else: above all not decrypt. */
export const wrappingPublic = (modulusBits: number, stay: Stay | undefined): Template => [
  ...naming(stay),
  { type: CKA.WRAP, value: true },
  { type: CKA.ENCRYPT, value: false },
  { type: CKA.VERIFY, value: false },
  { type: CKA.PRIVATE, value: false },
  { type: CKA.MODULUS_BITS, value: modulusBits },
  { type: CKA.PUBLIC_EXPONENT, value: Buffer.of(1, 0, 1) },
];

const UNWRAP_ONLY: Template = [
  { type: CKA.UNWRAP, value: true },
  { type: CKA.DECRYPT, value: false },
  { type: CKA.SIGN, value: false },
];

export const wrappingPrivate = (stay: Stay | undefined): Template => [
  ...naming(stay),
  ...UNWRAP_ONLY,
  { type: CKA.DERIVE, value: false },
  ...GUARD,
];

/** The AES key between the wrapping key and the wrapped one; gone with its session at the latest. */
export const wrappedAes: Template = [
  { type: CKA.CLASS, value: CKO.SECRET_KEY },
  { type: CKA.KEY_TYPE, value: CKK.AES },
  ...naming(undefined),
  ...UNWRAP_ONLY,
  { type: CKA.ENCRYPT, value: false },
  { type: CKA.WRAP, value: false },
  ...GUARD,
];

/** What the private key is comes out of what was wrapped. */
export const unwrappedPrivate = (keyType: number, stay: Stay | undefined): Template => [
  { type: CKA.CLASS, value: CKO.PRIVATE_KEY },
  { type: CKA.KEY_TYPE, value: keyType },
  ...privateTemplate(stay),
];

const PARTS = [
  ['modulus', CKA.MODULUS],
  ['publicExponent', CKA.PUBLIC_EXPONENT],
  ['curve', CKA.EC_PARAMS],
  ['point', CKA.EC_POINT],
] as const;

const partsTemplate = (parts: PublicParts): Template =>
  PARTS.flatMap(([name, type]) => {
    const part = parts[name];
    return part === undefined ? [] : [{ type, value: bytes(part) }];
  });

export const importedPublic = (keyType: number, parts: PublicParts, stay: Stay): Template => [
  { type: CKA.CLASS, value: CKO.PUBLIC_KEY },
  { type: CKA.KEY_TYPE, value: keyType },
  ...publicTemplate({ keyType }, stay),
  ...partsTemplate(parts),
];

/** `secret` is the private half; of the public one RSA keeps its numbers beside it, curves their name. */
export const importedPrivate = (
  keyType: number,
  { point: _, ...parts }: PublicParts,
  secret: Template,
  stay: Stay,
): Template => [...unwrappedPrivate(keyType, stay), ...partsTemplate(parts), ...secret];

/** Which attributes say what a public key is. */
export const PUBLIC_ATTRIBUTES: Readonly<Record<number, readonly (readonly [keyof PublicParts, number])[]>> =
  Object.freeze({
    [CKK.RSA]: [PARTS[0], PARTS[1]],
    [CKK.EC]: [PARTS[2], PARTS[3]],
    [CKK.EC_EDWARDS]: [PARTS[2], PARTS[3]],
  });
