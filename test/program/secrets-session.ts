import { createPublicKey } from 'node:crypto';
import { wrapPrivateKey } from '#crypto';
import { SecretBytes } from '#kernel';
import { eventually } from '../harness/eventually.js';
import { killNow } from './process-census.js';
import type { SecretSearch } from './secret-search.js';
import type { Material, Registration, SecretsStage } from './secrets-stage.js';

const KMS = '/api/kms/v1';
const KEYS = `${KMS}/keys`;
const ENGINES = `${KMS}/engines`;
const P256 = { name: 'a key', algorithm: 'ECDSA', size: 256 };
const SIGN = { algorithm: 'ECDSA_SHA_256', message: 'AQID' };

interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string;
  readonly headers?: Record<string, string>;
  /** The answer names members by the caller's own words: it is not looked at. */
  readonly isOwnWords?: boolean;
}

interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

const encode = (text: string | Buffer): string => Buffer.from(text).toString('base64');

/** Bodies that are refused, each with the secret where it does not belong. */
const misplaced = (good: Registration, secret: string): object[] => [
  { ...good, config: { ...good.config, pin: secret } },
  { ...good, config: { ...good.config, secret_access_key: secret } },
  { ...good, config: { ...good.config, module: secret, region: secret } },
  { ...good, config: { ...good.config, token_label: secret, endpoint: `https://${secret}` } },
  { ...good, config: { ...good.config, endpoint: `https://x:${encodeURIComponent(secret)}@localhost` } },
  { ...good, config: { ...good.config, slot: secret, credentials: secret } },
  { ...good, config: secret },
  { ...good, name: secret, config: {} },
  { ...good, id: secret },
  { ...good, type: secret },
  { ...good, pin: secret },
  { ...good, tenants: [secret] },
  { ...good, default: secret },
  { ...good, secrets: secret },
  { ...good, secrets: { ...good.secrets, pin: [secret] } },
  { ...good, secrets: { ...good.secrets, puk: secret } },
  { ...good, secrets: { ...good.secrets, pin: `env:${secret}` } },
  { ...good, secrets: { ...good.secrets, session_token: `file:/${secret}` } },
  { ...good, secrets: { pin: secret.repeat(20), secret_access_key: secret.repeat(20) } },
];

/** Everything that is done with secrets of engines and with private keys, rightly and wrongly. */
export class SecretsSession {
  constructor(
    private readonly all: SecretsStage,
    private readonly token: string,
    private readonly seen: SecretSearch,
  ) {}

  async play(): Promise<void> {
    await this.#register();
    for (const good of this.#givenAsValues) await this.#registerWrongly(good);
    await this.#useWrongSecrets();
    await this.#useKeys();
    await this.#importKeys();
    await this.#importWrapped(this.all.materials.wrapped);
    await this.#letAwsEcho();
    await this.#breakToken();
    await this.#readEverything();
  }

  /** A token and an account. */
  get #givenAsValues(): [Registration, Registration] {
    const { registrations } = this.all;
    return [registrations[0]!, registrations[3]!];
  }

  async #call(
    method: string,
    path: string,
    { body, raw, headers = {}, isOwnWords = false }: CallOptions = {},
  ): Promise<Answer> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(this.all.api.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload !== undefined && { body: payload }),
    });
    const text = await response.text();
    if (!isOwnWords) {
      // A path may be what is looked for.
      const place = `answer ${response.status} to ${method} ${path.replace(/[^/]{45,}/g, '…')}`;
      this.seen.add(place, `${text}\n${[...response.headers].join('\n')}`);
    }
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }

  /** A call that has to be answered so; gives the body. */
  async #must(status: number, method: string, path: string, options?: CallOptions): Promise<Answer['body']> {
    const answer = await this.#call(method, path, options);
    if (answer.status === status) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify([answer.body, options?.body])}`);
  }

  async #register(): Promise<void> {
    for (const body of this.all.registrations) await this.#must(201, 'POST', ENGINES, { body });
    for (const { id, secrets } of this.#givenAsValues) {
      const path = `${ENGINES}/${id}`;
      await this.#must(200, 'PATCH', path, { body: { name: 'Renamed', secrets } });
      await this.#must(200, 'POST', `${path}/test`);
    }
  }

  async #registerWrongly(known: Registration): Promise<void> {
    const good = { ...known, id: 'refused' };
    const secret = Object.values(good.secrets).at(-1)!;
    const path = `${ENGINES}/${known.id}`;
    for (const body of misplaced(good, secret)) await this.#must(400, 'POST', ENGINES, { body });
    for (const body of [{ secrets: { nothing: secret } }, { config: { region: secret, module: secret } }])
      await this.#must(400, 'PATCH', path, { body });
    for (const body of [
      { ...good, [secret]: 1 },
      { ...good, secrets: { [secret]: 'x' } },
      { ...good, config: { [secret]: 1 } },
    ])
      await this.#must(400, 'POST', ENGINES, { body, isOwnWords: true });
    await this.#must(400, 'POST', ENGINES, { raw: JSON.stringify(good).slice(0, -1) });
    await this.#must(400, 'POST', ENGINES, { raw: `{"__proto__":${JSON.stringify(good)}}` });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const raw = new URLSearchParams({ secret }).toString();
    await this.#must(415, 'POST', ENGINES, { raw, headers: form });
    await this.#must(404, 'GET', `${ENGINES}/${encodeURIComponent(secret)}`);
    const headers = { 'if-match': `"${encode(secret)}"`, prefer: encode(secret) };
    await this.#must(412, 'PATCH', path, { body: { name: 'x' }, headers });
  }

  /** One that is wrong here is right elsewhere. */
  async #useWrongSecrets(): Promise<void> {
    const { pins, aws } = this.all;
    const [token, account] = this.#givenAsValues;
    for (const [good, wrong] of [
      [token, { pin: pins.wrong }],
      [account, { secret_access_key: aws.wrongSecret }],
      [account, { session_token: aws.wrongToken }],
    ] as const) {
      const body = { ...good, id: 'refused', secrets: { ...good.secrets, ...wrong } };
      await this.#must(400, 'POST', ENGINES, { body });
      await this.#must(400, 'PATCH', `${ENGINES}/${good.id}`, { body: { secrets: wrong } });
    }
  }

  async #useKeys(): Promise<void> {
    for (const { id } of this.all.registrations) {
      const key = await this.#must(201, 'POST', KEYS, { body: { ...P256, engine_id: id } });
      await this.#must(200, 'POST', `${KEYS}/${key.key_id}/sign`, { body: SIGN });
      const successor = await this.#must(200, 'POST', `${KEYS}/${key.key_id}/rotate`);
      for (const { key_id: one } of [key, successor]) await this.#must(200, 'DELETE', `${KEYS}/${one}`);
    }
    const jobId = await this.#makeMany({ ...P256, engine_id: 'token-value', count: 20 });
    await this.#must(200, 'GET', `${KMS}/jobs/${jobId}/events`);
    await this.#must(200, 'GET', `${ENGINES}/token-value/objects`);
  }

  async #importKeys(): Promise<void> {
    const { token, account } = this.all.materials;
    for (const [engine, { encrypted, plain, passphrase }] of [
      ['token-value', token],
      ['account-0', account],
    ] as const) {
      const path = `${KEYS}/import`;
      const good = { name: 'x', engine_id: engine, private_key: encode(encrypted), passphrase };
      for (const body of [
        { ...good, passphrase: `${passphrase}!` },
        { ...good, passphrase: [passphrase] },
        { ...good, private_key: plain, name: passphrase.repeat(20) },
        { ...good, private_key: encode(plain), engine_id: passphrase },
        { ...good, private_key: encode(plain).slice(0, -30) },
        { ...good, key: plain },
      ])
        await this.#must(400, 'POST', path, { body });
      await this.#must(400, 'POST', path, { raw: JSON.stringify(good).slice(0, -1) });
      const headers = { 'idempotency-key': `import-${engine}`, prefer: 'respond-async' };
      const { job_id: id } = await this.#must(202, 'POST', path, { body: good, headers });
      await this.#must(202, 'POST', path, { body: good, headers });
      await this.#jobSucceeds(id);
      const again = { ...good, private_key: encode(plain), passphrase: undefined };
      await this.#must(409, 'POST', path, { body: again });
    }
  }

  async #importWrapped({ der }: Material): Promise<void> {
    const opened = await this.#must(201, 'POST', `${ENGINES}/token-value/import-key`);
    const wrapping = createPublicKey(Buffer.from(opened.wrapping_key, 'base64'));
    const spki = wrapping.export({ type: 'spki', format: 'der' });
    const blob = wrapPrivateKey(spki, 'sha256', SecretBytes.take(Buffer.from(der)));
    for (const [status, bytes] of [
      [400, blob.subarray(0, -8)],
      [201, blob],
    ] as const) {
      const body = { name: 'x', import_token: opened.import_token, wrapped_key: encode(bytes) };
      await this.#must(status, 'POST', `${KEYS}/import`, { body });
    }
  }

  /** A service that repeats all it was asked, in every kind of refusal. */
  async #letAwsEcho(): Promise<void> {
    const { faults } = this.all.accounts[0]!;
    const [, account] = this.#givenAsValues;
    const here = { ...P256, engine_id: 'account-0' };
    const key = await this.#must(201, 'POST', KEYS, { body: here });
    for (const [code, status] of [
      ['ValidationException', 400],
      ['AccessDeniedException', 400],
      ['InvalidSignatureException', 403],
      ['KMSInternalException', 500],
      ['SomethingNewException', 418],
    ] as const) {
      faults.plan('*', { kind: 'refuse', code, status, echo: true }, 1_000);
      for (const [method, path, body] of [
        ['POST', `${KEYS}/${key.key_id}/sign`, SIGN],
        ['POST', KEYS, here],
        ['POST', ENGINES, { ...account, id: 'refused' }],
      ] as const) {
        const answer = await this.#call(method, path, { body });
        if (answer.status < 400) throw new Error(`${path} was answered ${answer.status} for ${code}`);
      }
      await this.#must(200, 'POST', `${ENGINES}/account-0/test`);
      await this.#must(200, 'GET', ENGINES);
      faults.clear();
    }
  }

  /** The device is gone, then its processes are, then all is well again. */
  async #breakToken(): Promise<void> {
    const { tokens, pins } = this.all;
    const [token] = this.#givenAsValues;
    const key = await this.#must(201, 'POST', KEYS, { body: { ...P256, engine_id: 'token-value' } });
    const sign = (): Promise<Answer> => this.#call('POST', `${KEYS}/${key.key_id}/sign`, { body: SIGN });
    const recovers = (): Promise<unknown> =>
      eventually('the token signs again', async () => (await sign()).status === 200);
    tokens.unplug();
    await this.#must(200, 'POST', `${ENGINES}/token-value/test`);
    await this.#must(400, 'POST', ENGINES, { body: { ...token, id: 'refused' } });
    tokens.plugIn();
    await recovers();
    const calls = [sign(), sign(), sign()];
    killNow(this.all.tokenProcesses());
    await Promise.all([...calls, this.#must(200, 'GET', ENGINES)]);
    await recovers();
    // From a reference to a value.
    await this.#must(200, 'PATCH', `${ENGINES}/token-env`, { body: { secrets: { pin: pins.env } } });
    await Promise.all(['token-value', 'token-env', 'token-file'].map((id) => this.#useInBoth(id)));
  }

  /** In the API and, by a job, in the worker: then both have a process for it. */
  async #useInBoth(engineId: string): Promise<void> {
    const body = { ...P256, engine_id: engineId };
    await eventually(`the API makes a key in ${engineId}`, async () => {
      return (await this.#call('POST', KEYS, { body })).status === 201;
    });
    await this.#makeMany({ ...body, count: 2 });
  }

  async #makeMany(body: object): Promise<string> {
    const { job_id: id } = await this.#must(202, 'POST', `${KEYS}/bulk`, { body });
    await this.#jobSucceeds(id);
    return id;
  }

  async #jobSucceeds(id: string): Promise<void> {
    await eventually(`the worker has done job ${id}`, async () => {
      return (await this.#must(200, 'GET', `${KMS}/jobs/${id}`)).state === 'succeeded';
    });
  }

  async #readEverything(): Promise<void> {
    for (const path of [
      '/health/live',
      '/health/ready',
      '/openapi.json',
      `${KEYS}?limit=200`,
      `${KMS}/stats`,
      `${KMS}/jobs`,
      ENGINES,
      ...this.all.registrations.map(({ id }) => `${ENGINES}/${id}`),
      '/api/platform/v1/audit?limit=200',
    ])
      await this.#must(200, 'GET', path);
  }
}
