import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { KEY_SPECS, fits, parsePublicKey, type KeySpec, type SignatureRow } from '#crypto';
import type {
  EngineDescription,
  EngineDriver,
  EngineHealth,
  EngineInput,
  EngineKey,
  EngineKeyRef,
  HeldKey,
  ImportingEngine,
  KeepingEngine,
  SignInput,
  StoredEngineKey,
} from '#engines';
import { AppError, type SecretBytes } from '#kernel';

const SPECS = KEY_SPECS.filter(({ keyType }) => keyType === 'ec' || keyType === 'ed25519');
const PIN = '1234-right';

const nameOf = ({ tenantId, keyId }: EngineKeyRef): string => `${tenantId}/${keyId}`;

const away = (): AppError => new AppError('unavailable', { detail: 'The device is away.', retryAfterS: 1 });

/** A device that holds keys outside of the database, as several processes see it, and that fails when it is told to. */
export class Device {
  readonly keys = new Map<string, KeyObject>();
  /** Nothing reaches it. */
  isAway = false;
  /** It does its work, and its answer is lost. */
  losesAnswers = false;
  logins = 0;
  /** How often all of it was looked at. */
  inventories = 0;
  /** Runs when a key was made, before that is answered. */
  onMade: (ref: EngineKeyRef) => Promise<void> = async () => undefined;

  reach(): void {
    if (this.isAway) throw away();
  }

  async made(ref: EngineKeyRef, key: KeyObject): Promise<EngineKey> {
    this.keys.set(nameOf(ref), key);
    await this.onMade(ref);
    if (this.losesAnswers) throw away();
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
    return { spki, handle: Buffer.from(nameOf(ref)), evidence: { never_extractable: true } };
  }
}

class DeviceEngine implements ImportingEngine, KeepingEngine {
  #closed = false;

  constructor(
    private readonly input: EngineInput,
    private readonly device: Device,
    private readonly pin: string,
  ) {}

  async connect(): Promise<void> {
    this.device.reach();
    this.device.logins += 1;
    if (this.pin === PIN) return;
    throw new AppError('validation_failed', {
      detail: 'secrets.pin is refused.',
      errors: [{ path: 'secrets.pin', message: 'is refused' }],
    });
  }

  describe(): EngineDescription {
    return {
      id: this.input.id,
      type: 'PKCS11',
      securityLevel: 1,
      provider: 'Test',
      name: this.input.name,
      metadata: {},
      keySpecs: SPECS,
      importSpecs: SPECS,
      capabilities: ['generate', 'import', 'sign'],
    };
  }

  offers(spec: KeySpec, row: SignatureRow): boolean {
    return SPECS.includes(spec) && fits(row, spec);
  }

  async generate(ref: EngineKeyRef, spec: KeySpec): Promise<EngineKey> {
    this.#reach();
    const { privateKey } = generateKeyPairSync(spec.keyType as 'ec', { namedCurve: spec.namedCurve ?? '' });
    return this.device.made(ref, privateKey);
  }

  async importKey(ref: EngineKeyRef, _: KeySpec, pkcs8: SecretBytes): Promise<EngineKey> {
    this.#reach();
    const key = createPrivateKey({ key: pkcs8.expose('import'), format: 'der', type: 'pkcs8' });
    return this.device.made(ref, key);
  }

  async sign(key: StoredEngineKey, { row, data }: SignInput): Promise<Buffer> {
    this.#reach();
    return sign(row.hash ?? null, data, this.device.keys.get(key.handle.toString())!);
  }

  async destroy(key: StoredEngineKey): Promise<void> {
    this.#reach();
    this.device.keys.delete(key.handle.toString());
  }

  async find(ref: EngineKeyRef): Promise<EngineKey | undefined> {
    this.#reach();
    const key = this.device.keys.get(nameOf(ref));
    return key && this.device.made(ref, key);
  }

  async discard(ref: EngineKeyRef): Promise<void> {
    this.#reach();
    this.device.keys.delete(nameOf(ref));
  }

  heldAs({ handle }: EngineKeyRef & Pick<EngineKey, 'handle'>): string {
    return handle.toString();
  }

  async *inventory(): AsyncIterable<HeldKey> {
    this.#reach();
    this.device.inventories += 1;
    for (const [name, key] of this.device.keys) {
      const [tenantId = '', keyId] = name.split('/');
      const { spec } = parsePublicKey(createPublicKey(key).export({ type: 'spki', format: 'der' }));
      yield { objectId: name, ref: keyId === undefined ? undefined : { tenantId, keyId }, label: name, spec };
    }
  }

  async adopt(_: EngineKeyRef, objectId: string): Promise<EngineKey & { readonly spec: KeySpec }> {
    this.#reach();
    const key = this.device.keys.get(objectId);
    if (!key) throw new AppError('not_found', { detail: 'The device holds no such key.' });
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
    return { spki, handle: Buffer.from(objectId), spec: parsePublicKey(spki).spec };
  }

  evict(): void {
    // It keeps nothing in memory.
  }

  async health(): Promise<EngineHealth> {
    return this.device.isAway
      ? { status: 'down', latencyMs: 1, reason: 'The device is away.' }
      : { status: 'ok', latencyMs: 1 };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #reach(): void {
    if (this.#closed) throw away();
    this.device.reach();
  }
}

/** Makes engines that reach `device`. */
export const deviceDriver = (device: Device): EngineDriver => ({
  type: 'PKCS11',
  secretNames: ['pin'],
  open: (input) => {
    const unknown = Object.keys(input.config).find((name) => name !== 'slot');
    if (unknown === undefined) {
      return new DeviceEngine(input, device, input.secrets.get('pin')?.expose('pin').toString() ?? '');
    }
    const path = `config.${unknown}`;
    throw new AppError('validation_failed', {
      detail: `${path} is unknown.`,
      errors: [{ path, message: 'is unknown' }],
    });
  },
});

/** What registers the device; its PIN is right. */
export const DEVICE = Object.freeze({
  id: 'hsm',
  type: 'PKCS11',
  name: 'A device',
  config: { slot: 1 },
  secrets: { pin: PIN },
});
