import { randomBytes } from 'node:crypto';
import { pkcs11Driver, type Engine, type PinLedger } from '#engines';
import { fingerprintOf } from '#crypto';
import { SecretBytes } from '#kernel';
import type { ApiClient } from '../api-client.js';
import type { Bench, BenchPart } from '../bench-part.js';
import { median } from '../measure.js';
import { API } from '../stage.js';
import { PIN, SOFTHSM_MODULE, SoftTokens } from '../soft-token.js';
import { BareToken, ECDSA_SHA_256, P256 } from './bare-token.js';
import { loopLag } from './loop-lag.js';
import { KINDS } from '../kinds.js';
import { SigningKey } from '../signing-key.js';

const TENANT = 'bench-token';
const AT_ONCE = [1, 16, 64];
const MESSAGE_BYTES = 64;
/** Of the windows of other parts: making an RSA-4096 key takes a second. */
const WINDOWS = 5;
const KEYS = '/api/kms/v1/keys';

type Sign = (data: Buffer) => Promise<unknown>;

/** Signatures a second, with so many asked for at a time. */
async function rate(sign: Sign, atOnce: number, seconds: number): Promise<number> {
  const since = performance.now();
  const until = since + seconds * 1_000;
  let made = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < until) {
      await sign(randomBytes(MESSAGE_BYTES));
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, loop));
  return (made / (performance.now() - since)) * 1_000;
}

/** Of one process there is nothing to keep: the PIN is right. */
const PINS: PinLedger = {
  credentialOf: () => Buffer.alloc(0),
  isRefused: async () => false,
  claim: async () => ({ before: 'accepted' }),
  settle: async () => undefined,
};

function openEngine({ environment }: SoftTokens): Engine {
  return pkcs11Driver({ modules: [SOFTHSM_MODULE], environment, pins: PINS }).open({
    id: 'token',
    name: 'token',
    config: { module: SOFTHSM_MODULE, token_label: 'engine' },
    secrets: new Map([['pin', SecretBytes.take(Buffer.from(PIN))]]),
  });
}

/** Of what a token signs, how much is left by the engine around it. */
async function compareWithBare({ report, scale }: Bench, tokens: SoftTokens): Promise<void> {
  const engine = openEngine(tokens);
  const bare = await BareToken.open(tokens, 'bare');
  const ref = { tenantId: TENANT, keyId: 'key-of-the-bench' };
  const made = await engine.generate(ref, P256);
  const key = { ...ref, ...made, spec: P256, fingerprint: fingerprintOf(made.spki) };
  const ways: Record<'bare' | 'engine', Sign> = {
    bare: (data) => bare.sign(data),
    engine: (data) => engine.sign(key, { row: ECDSA_SHA_256, type: 'raw', data }),
  };
  for (const way of Object.values(ways)) await rate(way, 16, scale.seconds);
  for (const atOnce of AT_ONCE) {
    const rates: Record<'bare' | 'engine', number[]> = { bare: [], engine: [] };
    for (let turn = 0; turn < scale.turns; turn += 1) {
      for (const way of ['bare', 'engine'] as const)
        rates[way].push(await rate(ways[way], atOnce, scale.seconds / 2));
    }
    const share = median(rates.engine.map((value, turn) => value / rates.bare[turn]!));
    report.row(`P-256 in a token, ${atOnce} at once: bare`, { perSecond: median(rates.bare) });
    report.row(
      `P-256 in a token, ${atOnce} at once: engine`,
      { perSecond: median(rates.engine) },
      { bare: share },
    );
    report.demand(`P-256 in a token, ${atOnce} at once: bare ÷ engine`, 1 / share, 1 / 0.8);
  }
  bare.close();
  await engine.close();
}

/** Makes RSA-4096 keys in the token until it is told that it is over. Gives how many. */
async function makeKeys(client: ApiClient, isOver: () => boolean): Promise<number> {
  let made = 0;
  for (; !isOver(); made += 1)
    await client.call('POST', KEYS, { name: 'slow', algorithm: 'RSA', size: 4096, engine_id: 'token' });
  return made;
}

/** What takes a token seconds must not be felt by who signs elsewhere. */
async function signBesideSlowKeys({ stage, report, scale }: Bench, tokens: SoftTokens): Promise<void> {
  const api = await stage.start(API, {
    ...tokens.environment,
    CLAVIGER_PKCS11_MODULES: SOFTHSM_MODULE,
    CLAVIGER_PKCS11_ENVIRONMENT: 'SOFTHSM2_CONF',
  });
  const client = await stage.client(api, TENANT);
  await client.call('POST', '/api/kms/v1/engines', {
    id: 'token',
    type: 'PKCS11',
    name: 'token',
    config: { module: SOFTHSM_MODULE, token_label: 'api' },
    secrets: { pin: PIN },
  });
  const key = await SigningKey.create(client, KINDS[0]!);
  let over = false;
  const making = makeKeys(client, () => over);
  const lag = loopLag(api);
  const seconds = scale.seconds * WINDOWS;
  const result = await stage.load.run(
    {
      ports: [api.port],
      token: client.token,
      requests: key.signRequests('raw'),
      connections: 16,
      warmUpMs: seconds * 500,
      until: { ms: seconds * 1_000 },
      keep: 0,
    },
    { opened: () => void lag.begin(), closed: () => (over = true) },
  );
  const p99LagMs = await lag.p99Ms();
  const made = await making;
  report.row('P-256 raw sign in software, RSA-4096 made in a token', {
    perSecond: (result.answers / result.windowMs) * 1_000,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
  });
  report.demand('event loop delay p99 while RSA-4096 is made in a token, ms', p99LagMs, 50);
  report.proof('keys were made meanwhile', made > 0, `${made} RSA-4096`);
  const { 200: answered = 0, ...others } = result.statuses;
  report.proof('signatures went on', answered > 0 && Object.keys(others).length === 0, `${answered} answers`);
  await client.call('DELETE', '/api/kms/v1/engines/token').catch(() => undefined);
  await stage.stop(api);
}

async function run(bench: Bench): Promise<void> {
  if (!SoftTokens.isInstalled) {
    bench.report.row('left out: there is no SoftHSM here (Debian: apt install softhsm2)', {});
    return;
  }
  const tokens = SoftTokens.make('bare', 'engine', 'api');
  try {
    await compareWithBare(bench, tokens);
    await signBesideSlowKeys(bench, tokens);
  } finally {
    tokens.remove();
  }
}

export const TOKEN: BenchPart = { name: 'token', title: 'A token', run };
