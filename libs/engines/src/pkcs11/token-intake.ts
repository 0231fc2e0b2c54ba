import {
  keyNumbers,
  publicNumbers,
  unopenedKey,
  type KeyNumbers,
  type KeySpec,
  type OaepHash,
} from '#crypto';
import type { SecretBytes } from '#kernel';
import type { EngineKey, EngineKeyRef, WrappedKey } from '../engine.js';
import { engineKeyOf } from './held-keys.js';
import { objectIdOf } from './key-naming.js';
import { asKey, bare, named, slow, unsupported, type KnownToken } from './known-token.js';
import { generationOf, publicKeyOf } from './token-abilities.js';
import { hasKind } from './token-failure.js';
import { importPlanOf, publicPartsOf } from './token-import.js';
import type { PairRecord, PublicParts } from './token-protocol.js';
import { ONE_TIME_PAIR } from './token-unwrapping.js';

/** How keys that were made elsewhere come onto a token: what it took has signed, or is not there. */
export class TokenIntake {
  constructor(private readonly token: KnownToken) {}

  async import(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes): Promise<EngineKey> {
    await this.token.requireSpec(spec);
    const numbers = keyNumbers(pkcs8);
    const record = await this.token.answered(this.#put(ref, spec, pkcs8, numbers));
    const taken = await this.#proven(ref, spec, record, [numbers.spki]);
    if (taken) return taken;
    throw unsupported('this key: what it took is another one');
  }

  async findWrapping(spec: KeySpec): Promise<OaepHash | undefined> {
    await this.token.requireSpec(spec);
    return this.token.answered(this.token.unwrapping.findHash(spec));
  }

  async makeWrappingKey(ref: EngineKeyRef): Promise<Buffer> {
    await this.token.ready();
    const { parts } = await this.token.ask(slow(ref), 'wrapping', { ...named(ref), ...ONE_TIME_PAIR });
    return publicKeyOf(parts).spki;
  }

  async unwrap(ref: EngineKeyRef, spec: KeySpec, wrapped: WrappedKey): Promise<EngineKey> {
    await this.token.requireSpec(spec);
    const call = await this.token.answered(this.token.unwrapping.open(spec, wrapped));
    const { spki } = wrapped;
    const parts = spki && { parts: publicPartsOf(spec, publicNumbers(spki)) };
    const record = await this.token.ask(slow(ref), 'unwrap', { ...named(ref), call, ...parts });
    const told = asKey(() => publicKeyOf(record.told));
    const halves = [spki, told?.spki].filter((half) => half !== undefined);
    const taken = await this.#proven(ref, spec, record, halves);
    if (taken) return taken;
    throw unopenedKey();
  }

  /** In clear where the token takes it so, else wrapped in this process, if the token opens that. */
  async #put(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes, numbers: KeyNumbers): Promise<PairRecord> {
    const { supervisor } = this.token;
    const { secret, ...plan } = importPlanOf(spec, numbers);
    const { keyType } = generationOf(spec)!.plan;
    try {
      return await supervisor.call(slow(ref), 'import', { ...named(ref), ...plan, keyType }, secret);
    } catch (error) {
      if (!hasKind(error, 'refused')) throw error;
      const record = await this.#putWrapped(ref, spec, pkcs8, plan.parts);
      if (!record) throw error;
      return record;
    }
  }

  /** Undefined where the token does not open it: that is no fault of the caller's, whose key is a sound one. */
  async #putWrapped(
    ref: EngineKeyRef,
    spec: KeySpec,
    pkcs8: SecretBytes,
    parts: PublicParts,
  ): Promise<PairRecord | undefined> {
    const { supervisor, unwrapping } = this.token;
    try {
      const call = await unwrapping.wrap(spec, pkcs8);
      return call && (await supervisor.call(slow(ref), 'unwrap', { ...named(ref), call, parts }));
    } catch (error) {
      if (hasKind(error, 'unopened')) return undefined;
      throw error;
    }
  }

  /** The key, where it is of that kind, has all those public halves, and signs so; else it is done away with. */
  async #proven(
    ref: EngineKeyRef,
    spec: KeySpec,
    record: PairRecord,
    halves: readonly Buffer[],
  ): Promise<EngineKey | undefined> {
    const key = asKey(() => engineKeyOf(ref, objectIdOf(ref), record));
    const isIt = key?.spec === spec && halves.every((half) => half.equals(key.spki));
    if (isIt && (await this.token.proves(ref, key))) return bare(key);
    await this.token.destroy(ref);
    return undefined;
  }
}
