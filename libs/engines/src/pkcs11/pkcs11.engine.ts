import {
  SIGNATURE_TABLE,
  checkSignatureInput,
  fingerprintOf,
  keyNumbers,
  randomBytes,
  type KeySpec,
  type SignatureRow,
} from '#crypto';
import { AppError, type SecretBytes } from '#kernel';
import { acceptedSignature } from '../device-signature.js';
import type {
  EngineDescription,
  EngineHealth,
  EngineKey,
  EngineKeyRef,
  HeldKey,
  ImportingEngine,
  KeepingEngine,
  SignInput,
  StoredEngineKey,
} from '../engine.js';
import { CKF } from './cryptoki.js';
import { engineKeyOf, heldKeyOf } from './held-keys.js';
import { labelOf, objectIdIn, objectIdOf, refOf } from './key-naming.js';
import { TokenAbilities, generationOf } from './token-abilities.js';
import { callError, connectError, isOfKey, toldOf } from './token-errors.js';
import { TokenFailure } from './token-failure.js';
import { importPlanOf } from './token-import.js';
import type {
  PairRecord,
  TokenArguments,
  TokenFacts,
  TokenOperation,
  TokenResult,
} from './token-protocol.js';
import { signCallOf, signatureOf } from './token-signing.js';
import { TokenSupervisor, type TokenPlan, type Turn } from './token-supervisor.js';

const HEALTH_WITHIN_MS = 3_000;
/** Keys of a listing that are read in one call. */
const PAGE = 50;
/** CKA_ID in hex; longer ones are nobody's. */
const OBJECT_ID = /^(?:[0-9a-f]{2}){1,255}$/;

/** Keys inside a PKCS#11 token, reached through a child process. The handle names CKA_ID and is bound to its key. */
export class Pkcs11Engine implements ImportingEngine, KeepingEngine {
  readonly #token: TokenSupervisor;
  #facts: TokenFacts | undefined;
  #abilities: TokenAbilities | undefined;

  /** Reaches nothing yet. Takes ownership of `pin`. */
  constructor(
    private readonly id: string,
    private readonly name: string,
    private readonly plan: TokenPlan,
    pin: SecretBytes,
  ) {
    this.#token = new TokenSupervisor(plan, pin, async (facts, ask) => {
      const known = this.#facts;
      const same = known?.serial === facts.serial && known.firmware === facts.firmware;
      if (!this.#abilities || !same) this.#abilities = await TokenAbilities.of(facts, ask);
      this.#facts = facts;
    });
  }

  /** The child process, while there is one. */
  get pid(): number | undefined {
    return this.#token.pid;
  }

  async connect(): Promise<void> {
    try {
      await this.#token.ready();
    } catch (error) {
      throw connectError(error, this.plan.choice, this.#token.retryAfterS);
    }
  }

  describe(): EngineDescription {
    const specs = this.#abilities?.specs ?? [];
    return {
      id: this.id,
      type: 'PKCS11',
      // What stands behind a slot of hardware keeps its keys by hardware; a token in software keeps them from us only.
      securityLevel: (this.#facts?.slotFlags ?? 0) & CKF.HW_SLOT ? 2 : 1,
      provider: this.#facts?.manufacturer ?? 'PKCS#11',
      name: this.name,
      metadata: this.#metadata(),
      keySpecs: specs,
      importSpecs: specs,
      capabilities: ['generate', 'import', 'sign', 'sign-digest', 'pss-salt'],
    };
  }

  offers(spec: KeySpec, row: SignatureRow): boolean {
    return this.#abilities?.offers(spec, row) ?? false;
  }

  async generate(ref: EngineKeyRef, spec: KeySpec): Promise<EngineKey> {
    await this.#requireSpec(spec);
    const { mechanism, plan } = generationOf(spec)!;
    const objectId = objectIdOf(ref);
    const record = await this.#ask(slow(ref), 'generate', { ...named(ref, objectId), mechanism, plan });
    return this.#made(ref, spec, record);
  }

  async importKey(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes): Promise<EngineKey> {
    await this.#requireSpec(spec);
    const numbers = keyNumbers(pkcs8);
    const { secret, ...plan } = importPlanOf(spec, numbers);
    const { keyType } = generationOf(spec)!.plan;
    const args = { ...named(ref, objectIdOf(ref)), ...plan, keyType };
    const made = await this.#made(ref, spec, await this.#ask(slow(ref), 'import', args, secret));
    if (made.spki.equals(numbers.spki) && (await this.#proves(ref, { ...made, spec }))) return made;
    await this.discard(ref);
    throw unsupported('this key: what it took signs otherwise');
  }

  async sign(key: StoredEngineKey, input: SignInput): Promise<Buffer> {
    const { spec, tenantId } = key;
    checkSignatureInput(spec, input);
    const id = objectIdIn(key.handle, key).toString('base64');
    if (!this.#abilities) await this.#ready();
    if (!this.offers(spec, input.row)) throw unsupported(`signatures ${input.row.name}`);
    const made = await this.#ask({ lane: 'sign', tenantId }, 'sign', signCallOf(id, spec, input));
    try {
      return await acceptedSignature(key, input, signatureOf(made, spec, input));
    } catch (error) {
      // What the child remembers of the key may have become another one's.
      this.#forget(id);
      throw error;
    }
  }

  async destroy(key: StoredEngineKey): Promise<void> {
    await this.#destroy(key, objectIdIn(key.handle, key));
  }

  evict(ref: EngineKeyRef): void {
    this.#forget(objectIdOf(ref).toString('base64'));
  }

  async find(ref: EngineKeyRef): Promise<EngineKey | undefined> {
    const objectId = objectIdOf(ref);
    const { pair } = await this.#ask(slow(ref), 'find', { id: objectId.toString('base64') });
    const key = pair && asKey(() => engineKeyOf(ref, objectId, pair));
    // Half a key, or two of them, are none but for `discard`. A token that was cut short may hold one without a value.
    return key && (await this.#proves(ref, key)) ? key : undefined;
  }

  async discard(ref: EngineKeyRef): Promise<void> {
    await this.#destroy(ref, objectIdOf(ref));
  }

  heldAs(key: EngineKeyRef & Pick<EngineKey, 'handle'>): string {
    return objectIdIn(key.handle, key).toString('hex');
  }

  async *inventory(): AsyncIterable<HeldKey> {
    const turn: Turn = { lane: 'slow', tenantId: '' };
    const handles = await this.#ask(turn, 'list', {});
    const { pid } = this.#token;
    for (let at = 0; at < handles.length; at += PAGE) {
      const keys = await this.#ask(turn, 'read', { handles: handles.slice(at, at + PAGE) });
      // Handles mean nothing to another child, and what it does not find must not look as if it were not there.
      if (this.#token.pid !== pid)
        throw callError(TokenFailure.of('lost', 'meanwhile'), this.#token.retryAfterS);
      for (const key of keys) yield heldKeyOf(key);
    }
  }

  /** Throws `not_found` also for what Claviger made for another tenant. */
  async adopt(ref: EngineKeyRef, objectId: string): Promise<EngineKey & { readonly spec: KeySpec }> {
    await this.#ready();
    if (!OBJECT_ID.test(objectId)) throw new AppError('not_found');
    const id = Buffer.from(objectId, 'hex');
    const { privateKeys, pair } = await this.#ask(slow(ref), 'find', { id: id.toString('base64') });
    const owner = pair && refOf(pair.label, id);
    if (privateKeys === 0 || (owner && owner.tenantId !== ref.tenantId)) throw new AppError('not_found');
    const key = pair && asKey(() => engineKeyOf(ref, id, pair));
    if (key && (await this.#proves(ref, key))) return key;
    throw unsupported('this key: it is of another kind, tells no public key, or shares its CKA_ID');
  }

  async health(): Promise<EngineHealth> {
    const start = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const failure = TokenFailure.of('lost', `no answer within ${HEALTH_WITHIN_MS} ms`);
      timer = setTimeout(() => reject(failure), HEALTH_WITHIN_MS);
    });
    try {
      await Promise.race([this.#token.ready().then(() => this.#token.ask('check', {})), late]);
      return { status: 'ok', latencyMs: performance.now() - start };
    } catch (error) {
      const reason = error instanceof TokenFailure ? toldOf(error) : 'The token failed.';
      return { status: 'down', latencyMs: performance.now() - start, reason };
    } finally {
      clearTimeout(timer);
    }
  }

  close(): Promise<void> {
    return this.#token.close();
  }

  #metadata(): Record<string, unknown> {
    const { choice } = this.plan;
    if (!this.#facts) return { [choice.setting]: choice.value };
    const { label, manufacturer, model, serial, firmware } = this.#facts;
    return { token_label: label, token_serial: serial, manufacturer, model, firmware };
  }

  async #ready(): Promise<void> {
    if (this.#abilities) return;
    try {
      await this.#token.ready();
    } catch (error) {
      throw callError(error, this.#token.retryAfterS);
    }
  }

  async #requireSpec(spec: KeySpec): Promise<void> {
    await this.#ready();
    if (!this.#abilities?.specs.includes(spec)) throw unsupported(`keys of ${spec.algorithm} ${spec.size}`);
  }

  async #ask<Op extends TokenOperation>(
    turn: Turn,
    operation: Op,
    args: TokenArguments<Op>,
    secret?: Buffer,
  ): Promise<TokenResult<Op>> {
    try {
      return await this.#token.call(turn, operation, args, secret);
    } catch (error) {
      throw callError(error, this.#token.retryAfterS);
    }
  }

  /** What was made, if it is what was asked for; anything else is done away with. */
  async #made(ref: EngineKeyRef, spec: KeySpec, record: PairRecord): Promise<EngineKey> {
    const key = asKey(() => engineKeyOf(ref, objectIdOf(ref), record));
    if (key?.spec === spec) return { spki: key.spki, handle: key.handle, evidence: key.evidence! };
    await this.discard(ref);
    throw unsupported(`keys of ${spec.algorithm} ${spec.size}: it made another one`);
  }

  /** Whether the private half does what the public one says. Throws where the token is away. */
  async #proves(ref: EngineKeyRef, key: EngineKey & { readonly spec: KeySpec }): Promise<boolean> {
    const row = SIGNATURE_TABLE.find((one) => this.offers(key.spec, one));
    if (!row) return false;
    const input = { row, type: 'raw', data: randomBytes(32) } as const;
    const id = objectIdIn(key.handle, ref).toString('base64');
    let made: string;
    try {
      made = await this.#token.call(slow(ref), 'sign', signCallOf(id, key.spec, input));
    } catch (error) {
      if (error instanceof TokenFailure && isOfKey(error)) return false;
      throw callError(error, this.#token.retryAfterS);
    }
    try {
      const stored = { ...ref, ...key, fingerprint: fingerprintOf(key.spki) };
      await acceptedSignature(stored, input, signatureOf(made, key.spec, input));
      return true;
    } catch {
      return false;
    }
  }

  #forget(id: string): void {
    // A child that is away remembers nothing.
    this.#token.ask('forget', { id }).catch(() => undefined);
  }

  async #destroy(ref: EngineKeyRef, objectId: Buffer): Promise<void> {
    await this.#ask(slow(ref), 'destroy', { id: objectId.toString('base64') });
  }
}

const slow = ({ tenantId }: EngineKeyRef): Turn => ({ lane: 'slow', tenantId });

const named = (ref: EngineKeyRef, objectId: Buffer): { id: string; label: string } => ({
  id: objectId.toString('base64'),
  label: labelOf(ref),
});

/** Undefined where the parts are no public key. */
function asKey<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_key_material') return undefined;
    throw error;
  }
}

const unsupported = (what: string): AppError =>
  new AppError('unsupported_by_engine', { detail: `this token does not offer ${what}` });
