import {
  SIGNATURE_TABLE,
  findKeySpec,
  randomBytes,
  splitWrappedKey,
  verifySignature,
  wrapPrivateKey,
  type KeySpec,
  type OaepHash,
} from '#crypto';
import { AppError, type SecretBytes } from '#kernel';
import type { WrappedKey } from '../engine.js';
import { generateKey, type GeneratedKey } from '../software/key-generation.js';
import { CKF, CKG, CKM } from './cryptoki.js';
import { objectIdOf } from './key-naming.js';
import { allows, generationOf, publicKeyOf, type TokenAbilities } from './token-abilities.js';
import { hasKind } from './token-failure.js';
import type { TokenArguments, TokenFacts, UnwrapCall } from './token-protocol.js';
import { signCallOf, signatureOf } from './token-signing.js';
import type { Ask } from './token-supervisor.js';

/** How a token opens wrapped keys. */
interface Way {
  readonly hash: OaepHash;
  /** The mechanism of AES-KWP. */
  readonly kwp: number;
}

const ONE_TIME_BITS = 4096;
/** What is wrapped under it goes from this process to the token and nowhere else. */
const OWN_BITS = 3072;

const OAEP: Readonly<Record<OaepHash, UnwrapCall['oaep']>> = Object.freeze({
  sha256: [CKM.SHA256, CKG.MGF1_SHA256],
  sha1: [CKM.SHA_1, CKG.MGF1_SHA1],
});

/** The better ones first. */
const WAYS: readonly Way[] = (['sha256', 'sha1'] as const).flatMap((hash) =>
  [CKM.AES_KEY_WRAP_KWP, CKM.AES_KEY_WRAP_PAD].map((kwp) => ({ hash, kwp })),
);

const pairOf = (modulusBits: number): Omit<TokenArguments<'wrapping'>, 'id' | 'label'> => ({
  mechanism: CKM.RSA_PKCS_KEY_PAIR_GEN,
  modulusBits,
});

/** A one-time pair as the token makes it. */
export const ONE_TIME_PAIR = pairOf(ONE_TIME_BITS);

function callOf(spec: KeySpec, { hash, kwp }: Way, bytes: Buffer, bits: number): UnwrapCall {
  const { aes, body } = splitWrappedKey(bytes, bits / 8);
  const { keyType } = generationOf(spec)!.plan;
  const parts = { aes: aes.toString('base64'), body: body.toString('base64') };
  return { oaep: OAEP[hash], kwp, keyType, ...parts };
}

/** What of wrapped keys a token opens, and how: found out by giving it one, when it is asked for first. */
export class TokenUnwrapping {
  /** By kind of key. */
  readonly #ways = new Map<string, Promise<Way | undefined>>();
  #own: Promise<Buffer> | undefined;

  /** `ask` waits for its turn, and throws `TokenFailure`. */
  constructor(
    private readonly facts: TokenFacts,
    private readonly abilities: TokenAbilities,
    private readonly ask: Ask,
  ) {}

  /** There is another child: what the one before had made for its own life is gone. */
  forgetOwn(): void {
    this.#own = undefined;
  }

  /** Undefined where the token opens none of that kind. */
  async findHash(spec: KeySpec): Promise<OaepHash | undefined> {
    return (await this.#way(spec))?.hash;
  }

  /** How a key that was wrapped elsewhere is opened. Throws as `splitWrappedKey`, and `unsupported_by_engine`. */
  async open(spec: KeySpec, { under, hash, bytes }: WrappedKey): Promise<UnwrapCall> {
    const way = await this.#way(spec);
    if (!way) {
      const detail = `this token does not open wrapped keys of ${spec.algorithm} ${spec.size}`;
      throw new AppError('unsupported_by_engine', { detail });
    }
    const call = callOf(spec, { ...way, hash }, bytes, ONE_TIME_BITS);
    return { ...call, under: objectIdOf(under).toString('base64') };
  }

  /** Wraps a key for the token, in this process; undefined where that does not open it. */
  async wrap(spec: KeySpec, pkcs8: SecretBytes): Promise<UnwrapCall | undefined> {
    const way = await this.#way(spec);
    return way && callOf(spec, way, wrapPrivateKey(await this.#ownKey(), way.hash, pkcs8), OWN_BITS);
  }

  #way(spec: KeySpec): Promise<Way | undefined> {
    // Of RSA one size stands for all.
    const kind = spec.namedCurve ?? spec.keyType;
    const known = this.#ways.get(kind);
    if (known) return known;
    const way = this.#probe(this.abilities.specs.find((one) => (one.namedCurve ?? one.keyType) === kind));
    this.#ways.set(kind, way);
    // A token that was away is asked again.
    way.catch(() => this.#ways.delete(kind));
    return way;
  }

  async #probe(spec: KeySpec | undefined): Promise<Way | undefined> {
    const oneTime = findKeySpec('RSA', ONE_TIME_BITS)!;
    const may = (mechanism: number, flag: number): boolean => allows(this.facts, mechanism, flag, oneTime);
    const makesPair = may(CKM.RSA_PKCS_KEY_PAIR_GEN, CKF.GENERATE_KEY_PAIR);
    if (!spec || !makesPair || !may(CKM.RSA_PKCS_OAEP, CKF.UNWRAP)) return undefined;
    const ways = WAYS.filter(({ kwp }) => this.facts.mechanisms.some(unwrapsBy(kwp)));
    if (ways.length === 0) return undefined;
    const sample = await generateKey('', spec);
    try {
      for (const way of ways) if (await this.#opens(spec, way, sample)) return way;
      return undefined;
    } finally {
      sample.pkcs8.wipe();
    }
  }

  async #opens(spec: KeySpec, way: Way, { pkcs8, spki }: GeneratedKey): Promise<boolean> {
    const row = SIGNATURE_TABLE.find((one) => this.abilities.offers(spec, one))!;
    const input = { row, type: 'raw', data: randomBytes(32) } as const;
    const { id: _, ...sign } = signCallOf('', spec, input);
    const call = callOf(spec, way, wrapPrivateKey(await this.#ownKey(), way.hash, pkcs8), OWN_BITS);
    let made: string;
    try {
      made = await this.ask('probe-unwrap', { call, sign });
    } catch (error) {
      if (hasKind(error, 'unopened', 'refused', 'failed')) return false;
      throw error;
    }
    return verifySignature({ spki, spec, signature: signatureOf(made, spec, input), ...input });
  }

  #ownKey(): Promise<Buffer> {
    if (this.#own) return this.#own;
    const own = this.ask('wrapping', pairOf(OWN_BITS)).then(({ parts }) => publicKeyOf(parts).spki);
    this.#own = own;
    own.catch(() => {
      if (this.#own === own) this.#own = undefined;
    });
    return own;
  }
}

const unwrapsBy =
  (kwp: number) =>
  ({ mechanism, flags }: TokenFacts['mechanisms'][number]): boolean =>
    mechanism === kwp && (flags & CKF.UNWRAP) !== 0;
