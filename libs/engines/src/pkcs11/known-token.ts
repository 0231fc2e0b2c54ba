import { SIGNATURE_TABLE, fingerprintOf, randomBytes, type KeySpec, type SignatureRow } from '#crypto';
import { AppError } from '#kernel';
import { acceptedSignature } from '../device-signature.js';
import type { EngineKey, EngineKeyRef } from '../engine.js';
import { labelOf, objectIdIn, objectIdOf } from './key-naming.js';
import { TokenAbilities } from './token-abilities.js';
import { callError, isOfKey } from './token-errors.js';
import { TokenFailure } from './token-failure.js';
import type { TokenArguments, TokenFacts, TokenOperation, TokenResult } from './token-protocol.js';
import { signCallOf, signatureOf } from './token-signing.js';
import { TokenSupervisor, type Ask, type TokenPlan, type Turn } from './token-supervisor.js';
import type { TokenPin } from './token-pin.js';
import { TokenUnwrapping } from './token-unwrapping.js';

/** A key of which kind is known. */
export type SpecifiedKey = EngineKey & { readonly spec: KeySpec };

/** As who asked for it by its kind is given it. */
export const bare = ({ spec: _, ...key }: SpecifiedKey): EngineKey => key;

/** What is for no tenant. */
export const NOBODY: Turn = { lane: 'slow', tenantId: '' };

/** What takes longer than a signature. */
export const slow = ({ tenantId }: EngineKeyRef): Turn => ({ lane: 'slow', tenantId });

/** CKA_ID and CKA_LABEL of what is made for a reference. */
export const named = (ref: EngineKeyRef): { id: string; label: string } => ({
  id: objectIdOf(ref).toString('base64'),
  label: labelOf(ref),
});

/** Undefined where what is read is no public key. */
export function asKey<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_key_material') return undefined;
    throw error;
  }
}

export const unsupported = (what: string): AppError =>
  new AppError('unsupported_by_engine', { detail: `this token does not offer ${what}` });

/** A token with what it can do, found out when it is reached first; its failures are told as errors of engines. */
export class KnownToken {
  readonly supervisor: TokenSupervisor;
  #facts: TokenFacts | undefined;
  #abilities: TokenAbilities | undefined;
  #unwrapping: TokenUnwrapping | undefined;

  /** Reaches nothing yet. */
  constructor(plan: TokenPlan, pin: TokenPin) {
    this.supervisor = new TokenSupervisor(plan, pin, (facts, ask) => this.#learn(facts, ask));
  }

  get facts(): TokenFacts | undefined {
    return this.#facts;
  }

  /** The kinds of keys that it makes; none before it was reached. */
  get specs(): readonly KeySpec[] {
    return this.#abilities?.specs ?? [];
  }

  offers(spec: KeySpec, row: SignatureRow): boolean {
    return this.#abilities?.offers(spec, row) ?? false;
  }

  async ready(): Promise<void> {
    if (!this.#abilities) await this.answered(this.supervisor.ready());
  }

  async requireSpec(spec: KeySpec): Promise<void> {
    await this.ready();
    if (!this.specs.includes(spec)) throw unsupported(`keys of ${spec.algorithm} ${spec.size}`);
  }

  /** What of wrapped keys it opens; it was reached before. */
  get unwrapping(): TokenUnwrapping {
    return this.#unwrapping!;
  }

  ask<Op extends TokenOperation>(
    turn: Turn,
    operation: Op,
    args: TokenArguments<Op>,
  ): Promise<TokenResult<Op>> {
    return this.answered(this.supervisor.call(turn, operation, args));
  }

  /** What the token answered to who asked it; a failure as the error it is told as. */
  async answered<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      throw callError(error, this.supervisor.retryAfterS);
    }
  }

  /** Whether the private half does what the public one says. Throws where the token is away. */
  async proves(ref: EngineKeyRef, key: SpecifiedKey): Promise<boolean> {
    const row = SIGNATURE_TABLE.find((one) => this.offers(key.spec, one));
    if (!row) return false;
    const input = { row, type: 'raw', data: randomBytes(32) } as const;
    const id = objectIdIn(key.handle, ref).toString('base64');
    let made: string;
    try {
      made = await this.supervisor.call(slow(ref), 'sign', signCallOf(id, key.spec, input));
    } catch (error) {
      if (error instanceof TokenFailure && isOfKey(error)) return false;
      throw callError(error, this.supervisor.retryAfterS);
    }
    try {
      const stored = { ...ref, ...key, fingerprint: fingerprintOf(key.spki) };
      await acceptedSignature(stored, input, signatureOf(made, key.spec, input));
      return true;
    } catch {
      return false;
    }
  }

  /** Destroys both halves of whatever has this id. */
  async destroy(ref: EngineKeyRef, objectId = objectIdOf(ref)): Promise<void> {
    await this.ask(slow(ref), 'destroy', { id: objectId.toString('base64') });
  }

  async #learn(facts: TokenFacts, ask: Ask): Promise<void> {
    const known = this.#facts;
    const same = known?.serial === facts.serial && known.firmware === facts.firmware;
    this.#facts = facts;
    this.#unwrapping?.forgetOwn();
    if (this.#abilities && same) return;
    const abilities = await TokenAbilities.of(facts, ask);
    const askInTurn: Ask = (...call) => this.supervisor.call(NOBODY, ...call);
    this.#unwrapping = new TokenUnwrapping(facts, abilities, askInTurn);
    this.#abilities = abilities;
  }
}
