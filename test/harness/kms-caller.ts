import type { Answer, TestApp } from './app.js';

export const KMS = '/api/kms/v1';
export const KEYS = `${KMS}/keys`;

/** An id that no key has. */
export const UNKNOWN_KEY = 'key-01900000-0000-7000-8000-000000000000';

/** A key as the API shows it. */
export interface Key {
  key_id: string;
  pkcs11_uri: string;
  name: string;
  aliases: string[];
  engine_id: string;
  has_private_key: boolean;
  algorithm: string;
  size: number;
  public_key: string;
  creation_ts: string;
  updated_ts: string;
  tags: string[];
  metadata: Record<string, unknown>;
  state: string;
  version: number;
  usages: string[];
  origin: string;
  exportable: boolean;
  fingerprint: string;
  rotated_from?: string;
  rotated_to?: string;
}

export interface KeyPage {
  next_bookmark: string;
  list: Key[];
}

export interface Stats {
  total_keys: number;
  keys_distribution_per_engine: Record<string, number>;
  keys_distribution_per_algorithm: Record<string, number>;
}

export type Narrowing = NonNullable<Parameters<TestApp['token']>[2]>;

/** The path of a key, or of what is below it, by any of its names. */
export const keyPath = (ref: string, below = ''): string => `${KEYS}/${encodeURIComponent(ref)}${below}`;

/** What an answer refuses, in short; an answer that refuses nothing has no code. */
export const refusal = ({ status, body }: Answer<object>): [number, unknown] => [
  status,
  (body as Record<string, unknown>)['code'],
];

/** A client of the key plane with one token. */
export class KmsCaller {
  constructor(
    readonly app: TestApp,
    readonly token: string,
  ) {}

  /** Makes the tenant unless it is there. */
  static async of(app: TestApp, tenant: string, scope?: string, narrowing?: Narrowing): Promise<KmsCaller> {
    await app.tenant(tenant);
    return new KmsCaller(app, await app.token(tenant, scope, narrowing));
  }

  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>> {
    return this.app.call<T>(method, path, {
      token: this.token,
      ...(body !== undefined && { body }),
      ...(headers && { headers }),
    });
  }

  /** The body as it is, byte for byte. */
  send(method: string, path: string, raw: string): Promise<Answer> {
    return this.app.call(method, path, { token: this.token, raw });
  }

  /** Makes a key, of P-256 unless told otherwise. */
  create(description: Record<string, unknown> = {}): Promise<Key> {
    const kind = 'algorithm' in description ? {} : { algorithm: 'ECDSA', size: 256 };
    return this.#expect<Key>(201, 'POST', KEYS, { name: 'a key', ...kind, ...description });
  }

  /** Takes PEM or DER. */
  importKey(
    material: { private_key?: Buffer; public_key?: Buffer },
    more: object = {},
  ): Promise<Answer<Key>> {
    const encoded = Object.fromEntries(
      Object.entries(material).map(([name, bytes]) => [name, bytes.toString('base64')]),
    );
    return this.call<Key>('POST', `${KEYS}/import`, { name: 'imported', ...encoded, ...more });
  }

  get(ref: string): Promise<Answer<Key>> {
    return this.call<Key>('GET', keyPath(ref));
  }

  /** Gives the key as it is stored. */
  async read(ref: string): Promise<Key> {
    return this.#expect<Key>(200, 'GET', keyPath(ref));
  }

  /** Replaces all aliases of a key that has none. */
  alias(ref: string, ...aliases: string[]): Promise<Key> {
    const patches = aliases.map((value) => ({ op: 'add', path: '/-', value }));
    return this.#expect<Key>(200, 'PUT', keyPath(ref, '/aliases'), { patches });
  }

  /** Does what is below a key and must succeed: `disable`, `rotate` … */
  act<T = Key>(ref: string, action: string, body?: unknown): Promise<T> {
    return this.#expect<T>(200, 'POST', keyPath(ref, `/${action}`), body);
  }

  destroy(ref: string): Promise<unknown> {
    return this.#expect(200, 'DELETE', keyPath(ref));
  }

  list(query: Record<string, string> = {}): Promise<Answer<KeyPage>> {
    return this.call<KeyPage>('GET', `${KEYS}?${new URLSearchParams(query).toString()}`);
  }

  async stats(filter?: string): Promise<Stats> {
    const query = filter === undefined ? '' : `?filter=${encodeURIComponent(filter)}`;
    return this.#expect<Stats>(200, 'GET', `${KMS}/stats${query}`);
  }

  /** Base64, as answered. */
  async sign(ref: string, body: Record<string, unknown>): Promise<string> {
    return (await this.act<{ signature: string }>(ref, 'sign', body)).signature;
  }

  verify(ref: string, body: Record<string, unknown>): Promise<{ valid: boolean; error?: string }> {
    return this.act(ref, 'verify', body);
  }

  async #expect<T>(status: number, method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call<T>(method, path, body);
    if (answer.status === status) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} instead of ${status}: ${answer.text}`);
  }
}
