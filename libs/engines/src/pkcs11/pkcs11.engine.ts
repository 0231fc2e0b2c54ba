import { checkSignatureInput, type KeySpec, type OaepHash, type SignatureRow } from '#crypto';
import { AppError, type SecretBytes } from '#kernel';
import { acceptedSignature } from '../device-signature.js';
import type {
  EngineDescription,
  EngineHealth,
  EngineKey,
  EngineKeyRef,
  HeldKey,
  ImportingEngine,
  SignInput,
  StoredEngineKey,
  UnwrappingEngine,
  WrappedKey,
} from '../engine.js';
import { CKF } from './cryptoki.js';
import { engineKeyOf, heldKeyOf } from './held-keys.js';
import { objectIdIn, objectIdOf, refOf } from './key-naming.js';
import {
  KnownToken,
  NOBODY,
  asKey,
  bare,
  named,
  slow,
  unsupported,
  type SpecifiedKey,
} from './known-token.js';
import { generationOf } from './token-abilities.js';
import { callError, connectError } from './token-errors.js';
import { TokenFailure } from './token-failure.js';
import { healthOf } from './token-health.js';
import { TokenIntake } from './token-intake.js';
import { signCallOf, signatureOf } from './token-signing.js';
import type { TokenPin } from './token-pin.js';
import type { TokenPlan } from './token-supervisor.js';

/** Keys of a listing that are read in one call. */
const PAGE = 50;
/** CKA_ID in hex; longer ones are nobody's. */
const OBJECT_ID = /^(?:[0-9a-f]{2}){1,255}$/;

/** Keys inside a PKCS#11 token, reached through a child process. The handle names CKA_ID and is bound to its key. */
export class Pkcs11Engine implements ImportingEngine, UnwrappingEngine {
  readonly #token: KnownToken;
  readonly #intake: TokenIntake;

  /** Reaches nothing yet. */
  constructor(
    private readonly id: string,
    private readonly name: string,
    private readonly plan: TokenPlan,
    pin: TokenPin,
  ) {
    this.#token = new KnownToken(plan, pin);
    this.#intake = new TokenIntake(this.#token);
  }

  /** The child process, while there is one. */
  get pid(): number | undefined {
    return this.#token.supervisor.pid;
  }

  async connect({ anew = false } = {}): Promise<void> {
    try {
      await this.#token.supervisor.ready(anew);
    } catch (error) {
      throw connectError(error, this.plan.choice, this.#token.supervisor.retryAfterS);
    }
  }

  describe(): EngineDescription {
    const { specs, facts } = this.#token;
    return {
      id: this.id,
      type: 'PKCS11',
      // What stands behind a slot of hardware keeps its keys by hardware; a token in software keeps them from us only.
      securityLevel: (facts?.slotFlags ?? 0) & CKF.HW_SLOT ? 2 : 1,
      provider: facts?.manufacturer ?? 'PKCS#11',
      name: this.name,
      metadata: this.#metadata(),
      keySpecs: specs,
      importSpecs: specs,
      capabilities: ['generate', 'import', 'sign', 'sign-digest', 'pss-salt'],
    };
  }

  offers(spec: KeySpec, row: SignatureRow): boolean {
    return this.#token.offers(spec, row);
  }

  async generate(ref: EngineKeyRef, spec: KeySpec): Promise<EngineKey> {
    await this.#token.requireSpec(spec);
    const { mechanism, plan } = generationOf(spec)!;
    const record = await this.#token.ask(slow(ref), 'generate', { ...named(ref), mechanism, plan });
    const key = asKey(() => engineKeyOf(ref, objectIdOf(ref), record));
    if (key?.spec === spec) return bare(key);
    await this.discard(ref);
    throw unsupported(`keys of ${spec.algorithm} ${spec.size}: it made another one`);
  }

  importKey(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes): Promise<EngineKey> {
    return this.#intake.import(ref, spec, pkcs8);
  }

  findWrapping(spec: KeySpec): Promise<OaepHash | undefined> {
    return this.#intake.findWrapping(spec);
  }

  makeWrappingKey(ref: EngineKeyRef): Promise<Buffer> {
    return this.#intake.makeWrappingKey(ref);
  }

  unwrapKey(ref: EngineKeyRef, spec: KeySpec, wrapped: WrappedKey): Promise<EngineKey> {
    return this.#intake.unwrap(ref, spec, wrapped);
  }

  async sign(key: StoredEngineKey, input: SignInput): Promise<Buffer> {
    const { spec, tenantId } = key;
    checkSignatureInput(spec, input);
    const id = objectIdIn(key.handle, key).toString('base64');
    await this.#token.ready();
    if (!this.offers(spec, input.row)) throw unsupported(`signatures ${input.row.name}`);
    const made = await this.#token.ask({ lane: 'sign', tenantId }, 'sign', signCallOf(id, spec, input));
    try {
      return await acceptedSignature(key, input, signatureOf(made, spec, input));
    } catch (error) {
      // What the child remembers of the key may have become another one's.
      this.#forget(id);
      throw error;
    }
  }

  async destroy(key: StoredEngineKey): Promise<void> {
    await this.#token.destroy(key, objectIdIn(key.handle, key));
  }

  evict(ref: EngineKeyRef): void {
    this.#forget(objectIdOf(ref).toString('base64'));
  }

  async find(ref: EngineKeyRef): Promise<EngineKey | undefined> {
    const objectId = objectIdOf(ref);
    const { pair } = await this.#token.ask(slow(ref), 'find', { id: objectId.toString('base64') });
    const key = pair && asKey(() => engineKeyOf(ref, objectId, pair));
    // Half a key, or two of them, are none but for `discard`. A token that was cut short may hold one without a value.
    return key && (await this.#token.proves(ref, key)) ? key : undefined;
  }

  async discard(ref: EngineKeyRef): Promise<void> {
    await this.#token.destroy(ref);
  }

  heldAs(key: EngineKeyRef & Pick<EngineKey, 'handle'>): string {
    return objectIdIn(key.handle, key).toString('hex');
  }

  async *inventory(): AsyncIterable<HeldKey> {
    const handles = await this.#token.ask(NOBODY, 'list', {});
    const { supervisor } = this.#token;
    const { pid } = supervisor;
    for (let at = 0; at < handles.length; at += PAGE) {
      const keys = await this.#token.ask(NOBODY, 'read', { handles: handles.slice(at, at + PAGE) });
      // Handles mean nothing to another child, and what it does not find must not look as if it were not there.
      if (supervisor.pid !== pid)
        throw callError(TokenFailure.of('lost', 'meanwhile'), supervisor.retryAfterS);
      for (const key of keys) yield heldKeyOf(key);
    }
  }

  /** Throws `not_found` also for what Claviger made for another tenant. */
  async adopt(ref: EngineKeyRef, objectId: string): Promise<SpecifiedKey> {
    await this.#token.ready();
    if (!OBJECT_ID.test(objectId)) throw new AppError('not_found');
    const id = Buffer.from(objectId, 'hex');
    const { privateKeys, pair } = await this.#token.ask(slow(ref), 'find', { id: id.toString('base64') });
    const owner = pair && refOf(pair.label, id);
    if (privateKeys === 0 || (owner && owner.tenantId !== ref.tenantId)) throw new AppError('not_found');
    const key = pair && asKey(() => engineKeyOf(ref, id, pair));
    if (key && (await this.#token.proves(ref, key))) return key;
    throw unsupported('this key: it is of another kind, tells no public key, or shares its CKA_ID');
  }

  health(): Promise<EngineHealth> {
    return healthOf(this.#token.supervisor);
  }

  close(): Promise<void> {
    return this.#token.supervisor.close();
  }

  #metadata(): Record<string, unknown> {
    const { choice } = this.plan;
    const { facts } = this.#token;
    if (!facts) return { [choice.setting]: choice.value };
    const { label, manufacturer, model, serial, firmware } = facts;
    return { token_label: label, token_serial: serial, manufacturer, model, firmware };
  }

  #forget(id: string): void {
    // A child that is away remembers nothing.
    this.#token.supervisor.ask('forget', { id }).catch(() => undefined);
  }
}
