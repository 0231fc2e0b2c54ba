import type { KeyObject } from 'node:crypto';
import type { FakeKey } from './fake-key.js';
import { KmsRefusal } from './kms-refusal.js';

export interface ImportToken {
  readonly key: FakeKey;
  readonly wrappingKey: KeyObject;
  readonly algorithm: string;
  readonly expiresMs: number;
}

export interface AccountOptions {
  readonly region: string;
  /** The time of states and tokens, in milliseconds. */
  readonly now: () => number;
  /** The least time between two calls of GetParametersForImport. */
  readonly importIntervalMs: number;
}

export const ACCOUNT_ID = '111122223333';
const KEY_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const notFound = (what: string): KmsRefusal => new KmsRefusal('NotFoundException', `${what} does not exist`);

/** All that one account has in one region. */
export class Account {
  readonly arnPrefix: string;
  /** Names of aliases, with `alias/`, and the ids they stand for. */
  readonly aliases = new Map<string, string>();
  readonly importTokens = new Map<string, ImportToken>();
  readonly #keys = new Map<string, FakeKey>();
  lastImportParametersMs = -Infinity;

  constructor(readonly options: AccountOptions) {
    this.arnPrefix = `arn:aws:kms:${options.region}:${ACCOUNT_ID}:`;
  }

  get now(): number {
    return this.options.now();
  }

  add(key: FakeKey): void {
    this.#keys.set(key.id, key);
  }

  /** Keys whose time is over are gone with their aliases. */
  keys(): FakeKey[] {
    for (const key of this.#keys.values()) {
      if (key.deletionMs === undefined || key.deletionMs > this.now) continue;
      this.#keys.delete(key.id);
      for (const [name, id] of this.aliases) if (id === key.id) this.aliases.delete(name);
    }
    return [...this.#keys.values()];
  }

  /** By key id or key ARN. */
  key(keyId: string): FakeKey {
    const id = keyId.startsWith('arn:') ? this.#idOfArn(keyId) : keyId;
    const key = this.keys().find((one) => one.id === id);
    if (key) return key;
    if (KEY_ID.test(id)) throw notFound(`Key '${this.arnPrefix}key/${id}'`);
    throw notFound(`Invalid keyId '${keyId}'`);
  }

  /** By key id, key ARN, alias name or alias ARN. */
  keyOrAlias(keyId: string): FakeKey {
    const name = keyId.startsWith(`${this.arnPrefix}alias/`) ? keyId.slice(this.arnPrefix.length) : keyId;
    if (!name.startsWith('alias/')) return this.key(keyId);
    this.keys();
    const id = this.aliases.get(name);
    if (id === undefined) throw notFound(`Alias ${this.arnPrefix}${name}`);
    return this.key(id);
  }

  aliasesOf({ id }: FakeKey): string[] {
    return [...this.aliases].filter(([, target]) => target === id).map(([name]) => name);
  }

  #idOfArn(arn: string): string {
    if (arn.startsWith(`${this.arnPrefix}key/`)) return arn.slice(`${this.arnPrefix}key/`.length);
    if (/^arn:aws:kms:[a-z0-9-]+:\d{12}:key\/.+$/.test(arn)) throw notFound(`Key '${arn}'`);
    throw new KmsRefusal('InvalidArnException', `Invalid arn ${arn}`);
  }
}
