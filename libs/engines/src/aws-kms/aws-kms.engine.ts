import { ListKeysCommand, SignCommand, type KeyMetadata } from '@aws-sdk/client-kms';
import { hasNativeOpenSsl, lowSDer, parseEcdsaDer, type KeySpec, type SignatureRow } from '#crypto';
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
import type { EngineInput } from '../engine-driver.js';
import type { AwsKmsSettings } from './aws-kms-settings.js';
import { KeyCreation } from './key-creation.js';
import { KeyDestruction } from './key-destruction.js';
import { arnOf, handleOf, storedArnOf } from './key-handle.js';
import { KeySearch } from './key-search.js';
import { isComplete, isLeaving, stateFault } from './key-state.js';
import { KmsConnection } from './kms-connection.js';
import { connectFaultOf, faultName, faultOf } from './kms-faults.js';
import { evidenceOf, findKey, publicKeyOf } from './kms-key.js';
import { awsKeySpec, importedSpecs, keySpecOfAws, offeredSpecs, signingAlgorithm } from './kms-key-specs.js';
import { signingRequest } from './signing-request.js';
import { TenantQuota } from './tenant-quota.js';
import { TenantTurns } from './tenant-turns.js';

/** AWS KMS makes and stops some five keys a second for an account, and takes one in four seconds from elsewhere. */
const CHANGES = { atOnce: 2, waiting: 256 };
const IMPORTS = { atOnce: 1, waiting: 4 };
const HEALTH_MS = 3_000;
/** So long an answer about health is given again: whoever asks often does not use up the account's quota. */
const HEALTH_LIFE_MS = 5_000;
/** Key ids and ARNs of keys: an alias can be made to mean another key at any time. */
const OBJECT_ID = /^(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/)?(mrk-)?[0-9a-f-]{32,36}$/;

/** Keys in AWS KMS, which never leave it. The handle is the key's ARN with its reference. */
export class AwsKmsEngine implements ImportingEngine, KeepingEngine {
  readonly #connection: KmsConnection;
  readonly #quota: TenantQuota;
  readonly #changes = new TenantTurns(CHANGES);
  readonly #creation: KeyCreation;
  readonly #destruction: KeyDestruction;
  readonly #search: KeySearch;
  #health: { readonly atMs: number; readonly answer: Promise<EngineHealth> } | undefined;

  constructor(
    private readonly input: Pick<EngineInput, 'id' | 'name'>,
    private readonly settings: AwsKmsSettings,
    importIntervalMs: number,
  ) {
    this.#connection = new KmsConnection(settings);
    this.#quota = new TenantQuota(settings.requestsPerSecond);
    this.#destruction = new KeyDestruction(this.#connection, settings);
    const imports = new TenantTurns({ ...IMPORTS, intervalMs: importIntervalMs });
    this.#creation = new KeyCreation(this.#connection, settings, imports, this.#destruction);
    this.#search = new KeySearch(this.#connection, settings.aliasPrefix);
  }

  /** Proves region, endpoint and credentials. */
  async connect(): Promise<void> {
    try {
      await this.#connection.call(undefined, new ListKeysCommand({ Limit: 1 }));
    } catch (error) {
      throw connectFaultOf(error, this.settings);
    }
  }

  describe(): EngineDescription {
    return {
      id: this.input.id,
      type: 'AWS_KMS',
      securityLevel: 2,
      provider: 'AWS',
      name: this.input.name,
      metadata: { region: this.settings.region },
      keySpecs: offeredSpecs(),
      importSpecs: importedSpecs(),
      capabilities: ['generate', 'import', 'sign', ...(hasNativeOpenSsl() ? (['sign-digest'] as const) : [])],
    };
  }

  offers(spec: KeySpec, row: SignatureRow): boolean {
    return awsKeySpec(spec) !== undefined && signingAlgorithm(spec, row) !== undefined;
  }

  async generate(ref: EngineKeyRef, spec: KeySpec): Promise<EngineKey> {
    if (awsKeySpec(spec) === undefined) throw unsupported(spec);
    await this.#quota.take(ref.tenantId);
    return translated(this.#changes.run(ref.tenantId, () => this.#creation.generate(ref, spec)));
  }

  async importKey(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes): Promise<EngineKey> {
    if (!importedSpecs().includes(spec)) throw unsupported(spec);
    await this.#quota.take(ref.tenantId);
    return translated(this.#creation.importKey(ref, spec, pkcs8));
  }

  async sign(key: StoredEngineKey, input: SignInput): Promise<Buffer> {
    const KeyId = arnOf(key, this.settings.region);
    const request = signingRequest(key, input);
    // A key that a newer runtime made: its signatures could not be verified here.
    if (!this.offers(key.spec, input.row)) throw unsupported(key.spec);
    await this.#quota.take(key.tenantId);
    return translated(this.#sign(key, input, new SignCommand({ KeyId, ...request })));
  }

  async destroy(key: StoredEngineKey): Promise<void> {
    const arn = arnOf(key, this.settings.region);
    await translated(this.#changes.run(key.tenantId, () => this.#destruction.destroy(key, arn)));
  }

  /** Nothing of a key is held here. */
  evict(): void {}

  /** Asks at most every few seconds, however often it is asked. */
  health(): Promise<EngineHealth> {
    const now = performance.now();
    if (!this.#health || now - this.#health.atMs > HEALTH_LIFE_MS) {
      this.#health = { atMs: now, answer: this.#askHealth(now) };
    }
    return this.#health.answer;
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  find(ref: EngineKeyRef): Promise<EngineKey | undefined> {
    return translated(this.#find(ref));
  }

  /** What has no alias, or a second key from an attempt whose answer was lost, is found by its tags only. */
  discard(ref: EngineKeyRef): Promise<void> {
    return translated(this.#discard(ref));
  }

  /** Also of another region, whose keys are not in this one. */
  heldAs(key: EngineKeyRef & Pick<EngineKey, 'handle'>): string {
    return storedArnOf(key);
  }

  async *inventory(): AsyncGenerator<HeldKey> {
    try {
      yield* this.#search.inventory();
    } catch (error) {
      throw faultOf(error);
    }
  }

  /**
   * Takes a key id or a key's ARN. It is not tagged: `discard` is for what was made here, not for what was found. Throws
   * `not_found` also for what Claviger made for another tenant.
   */
  adopt(ref: EngineKeyRef, objectId: string): Promise<EngineKey & { readonly spec: KeySpec }> {
    return translated(this.#adopt(ref, objectId));
  }

  async #sign(key: StoredEngineKey, input: SignInput, command: SignCommand): Promise<Buffer> {
    const { order } = key.spec;
    try {
      const { Signature } = await this.#connection.call(key.tenantId, command);
      const signature = Buffer.from(Signature ?? []);
      const isDer = order !== undefined && parseEcdsaDer(signature, order) !== undefined;
      const isLow = input.row.lowS && isDer;
      return await acceptedSignature(key, input, isLow ? lowSDer(signature, order) : signature);
    } catch (error) {
      if (faultName(error) !== 'KMSInvalidStateException') throw error;
      const metadata = await findKey(this.#connection, key.tenantId, command.input.KeyId ?? '');
      throw stateFault(metadata?.KeyState) ?? error;
    }
  }

  async #find(ref: EngineKeyRef): Promise<EngineKey | undefined> {
    const named = await this.#search.byAlias(ref);
    if (named && isComplete(named.KeyState)) return this.#keyOf(ref, named);
    for await (const tagged of this.#search.byTags(ref)) {
      if (isComplete(tagged.KeyState)) return this.#keyOf(ref, tagged);
    }
    return undefined;
  }

  async #discard(ref: EngineKeyRef): Promise<void> {
    const arns = new Set([(await this.#search.byAlias(ref))?.Arn]);
    for await (const { Arn } of this.#search.byTags(ref)) arns.add(Arn);
    for (const arn of arns) if (arn !== undefined) await this.#destruction.destroy(ref, arn);
  }

  async #adopt(ref: EngineKeyRef, objectId: string): Promise<EngineKey & { readonly spec: KeySpec }> {
    const metadata = OBJECT_ID.test(objectId)
      ? await findKey(this.#connection, ref.tenantId, objectId)
      : undefined;
    if (!metadata?.Arn || isLeaving(metadata.KeyState)) throw new AppError('not_found');
    const owner = await this.#search.refOf(metadata.Arn);
    if (owner && owner.tenantId !== ref.tenantId) throw new AppError('not_found');
    const fault = stateFault(metadata.KeyState);
    if (fault) throw fault;
    const spec = metadata.KeyUsage === 'SIGN_VERIFY' ? keySpecOfAws(metadata.KeySpec) : undefined;
    if (!spec)
      throw new AppError('unsupported_by_engine', { detail: 'The key is of no kind that signs here.' });
    return { ...(await this.#keyOf(ref, metadata)), spec };
  }

  async #keyOf(ref: EngineKeyRef, metadata: KeyMetadata): Promise<EngineKey> {
    const arn = metadata.Arn ?? '';
    const { spki } = await publicKeyOf(this.#connection, ref.tenantId, arn);
    return { spki, handle: handleOf(ref, arn), evidence: evidenceOf(metadata) };
  }

  async #askHealth(startMs: number): Promise<EngineHealth> {
    const timeoutMs = Math.min(HEALTH_MS, this.settings.timeoutMs);
    const reason = await this.#connection.call(undefined, new ListKeysCommand({ Limit: 1 }), timeoutMs).then(
      () => undefined,
      (error: unknown) => faultOf(error).detail,
    );
    const latencyMs = performance.now() - startMs;
    return reason === undefined ? { status: 'ok', latencyMs } : { status: 'down', latencyMs, reason };
  }
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw faultOf(error);
  }
}

const unsupported = ({ algorithm, size }: KeySpec): AppError =>
  new AppError('unsupported_by_engine', {
    detail: `AWS KMS does not take keys of ${algorithm} ${size} this way`,
  });
