import { curveParameters, type KeyNumbers, type KeySpec, type PublicNumbers } from '#crypto';
import { CKA } from './cryptoki.js';
import type { PublicParts, TokenArguments } from './token-protocol.js';

const CRT = [CKA.PRIME_1, CKA.PRIME_2, CKA.EXPONENT_1, CKA.EXPONENT_2, CKA.COEFFICIENT] as const;

interface ImportPlan {
  readonly parts: PublicParts;
  readonly secretLength: number;
  readonly secretParts: TokenArguments<'import'>['secretParts'];
  /** A copy of all that is secret; its taker wipes it. */
  readonly secret: Buffer;
}

/** How a public key becomes the attributes of an object. */
export const publicPartsOf = (spec: KeySpec, numbers: PublicNumbers): PublicParts =>
  numbers.kind === 'rsa'
    ? {
        modulus: numbers.modulus.toString('base64'),
        publicExponent: numbers.publicExponent.toString('base64'),
      }
    : {
        curve: curveParameters(spec)?.toString('base64') ?? '',
        point: numbers.point.toString('base64'),
      };

/** How the parts of a private key become the attributes of two objects. */
export function importPlanOf(spec: KeySpec, numbers: KeyNumbers): ImportPlan {
  const secrets: (readonly [number, Buffer])[] =
    numbers.kind === 'rsa'
      ? [
          [CKA.PRIVATE_EXPONENT, numbers.privateExponent],
          ...numbers.crt.map((value, index) => [CRT[index]!, value] as const),
        ]
      : [[CKA.VALUE, numbers.secret]];
  const secret = Buffer.concat(secrets.map(([, value]) => value));
  return {
    parts: publicPartsOf(spec, numbers),
    secret,
    secretLength: secret.length,
    secretParts: secrets.map(([attribute, { length }]) => [attribute, length]),
  };
}
