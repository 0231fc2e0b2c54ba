import {
  KEY_SPECS,
  SIGNATURE_TABLE,
  curveParameters,
  curvePublicKey,
  fits,
  randomBytes,
  rsaPublicKey,
  verifySignature,
  type KeySpec,
  type ParsedPublicKey,
  type SignatureRow,
} from '#crypto';
import { CKF, CKK, CKM } from './cryptoki.js';
import { TokenFailure } from './token-failure.js';
import type { PairPlan, PublicParts, TokenFacts } from './token-protocol.js';
import { MECHANISMS, signCallOf, signatureOf } from './token-signing.js';
import type { Ask } from './token-supervisor.js';

interface Generation {
  readonly mechanism: number;
  readonly plan: PairPlan;
}

/** How a pair of that kind is made; undefined for kinds that PKCS#11 3.0 has not. */
export function generationOf(spec: KeySpec): Generation | undefined {
  if (spec.keyType === 'rsa') {
    return { mechanism: CKM.RSA_PKCS_KEY_PAIR_GEN, plan: { keyType: CKK.RSA, modulusBits: spec.size } };
  }
  const curve = curveParameters(spec)?.toString('base64');
  if (curve === undefined) return undefined;
  return spec.keyType === 'ec'
    ? { mechanism: CKM.EC_KEY_PAIR_GEN, plan: { keyType: CKK.EC, curve } }
    : { mechanism: CKM.EC_EDWARDS_KEY_PAIR_GEN, plan: { keyType: CKK.EC_EDWARDS, curve } };
}

/** The public key that a token tells in parts. Throws `AppError` `invalid_key_material` where it is none, or none known here. */
export function publicKeyOf({ modulus, publicExponent, curve, point }: PublicParts): ParsedPublicKey {
  const bytes = (text = ''): Buffer => Buffer.from(text, 'base64');
  return modulus === undefined
    ? curvePublicKey(bytes(curve), bytes(point))
    : rsaPublicKey(bytes(modulus), bytes(publicExponent));
}

/** Whether the token's mechanism may do that with such keys. */
export function allows(
  { mechanisms }: TokenFacts,
  mechanism: number,
  flag: number,
  { keyType, size }: KeySpec,
): boolean {
  const limits = mechanisms.find((one) => one.mechanism === mechanism);
  if (!limits || (limits.flags & flag) === 0) return false;
  // Of curves tokens count the bits in several ways, and are asked anyway.
  return keyType !== 'rsa' || (limits.minKeySize <= size && size <= limits.maxKeySize);
}

/** What a token that was asked can do. */
export class TokenAbilities {
  private constructor(
    private readonly facts: TokenFacts,
    readonly specs: readonly KeySpec[],
  ) {}

  /**
   * Finds out which keys the token makes and signs with. RSA is as its mechanisms say. Which curves there are no
   * mechanism says, so a key is made on each for a moment, outside of the token's memory, and what it signs is verified.
   */
  static async of(facts: TokenFacts, ask: Ask): Promise<TokenAbilities> {
    const specs: KeySpec[] = [];
    for (const spec of KEY_SPECS) {
      const generation = generationOf(spec);
      if (!generation) continue;
      const makes = allows(facts, generation.mechanism, CKF.GENERATE_KEY_PAIR, spec);
      const rows = SIGNATURE_TABLE.filter((row) => fits(row, spec) && signsBy(facts, spec, row));
      if (!makes || rows.length === 0) continue;
      if (spec.keyType === 'rsa' || (await hasCurve(ask, spec, rows[0]!, generation))) specs.push(spec);
    }
    return new TokenAbilities(facts, specs);
  }

  offers(spec: KeySpec, row: SignatureRow): boolean {
    return this.specs.includes(spec) && fits(row, spec) && signsBy(this.facts, spec, row);
  }
}

const signsBy = (facts: TokenFacts, spec: KeySpec, { scheme }: SignatureRow): boolean =>
  allows(facts, MECHANISMS[scheme], CKF.SIGN, spec);

async function hasCurve(
  ask: Ask,
  spec: KeySpec,
  row: SignatureRow,
  { mechanism, plan }: Generation,
): Promise<boolean> {
  const input = { row, type: 'raw', data: randomBytes(32) } as const;
  const { id: _, ...sign } = signCallOf('', spec, input);
  try {
    const { parts, signature: made } = await ask('probe', { generate: mechanism, plan, sign });
    const { spki, spec: found } = publicKeyOf(parts);
    const signature = signatureOf(made, spec, input);
    return found === spec && (await verifySignature({ spki, spec, signature, ...input }));
  } catch (error) {
    // A token that is gone says nothing of its curves; whatever else it answers, it has not this one.
    if (error instanceof TokenFailure && ['lost', 'device'].includes(error.failure.kind)) throw error;
    return false;
  }
}
