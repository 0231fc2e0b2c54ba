import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrderingClient, type OrderedAnswer } from '../../harness/answer-order.js';
import { Installation, TestApp } from '../../harness/app.js';
import { KmsCaller, keyPath } from '../../harness/kms-caller.js';

const IN_FLIGHT = 100;
const ROUNDS = 20;
const SIGN = { algorithm: 'ES256', message: 'aGVsbG8=' };

/** Ends the use of a key, or of its tenant, through one of the processes. */
type Revoke = (app: TestApp, keyId: string, tenant: string) => Promise<OrderedAnswer>;

/** Two processes of one installation: what one is told, the other has in its caches for a second. */
describe(`of ${IN_FLIGHT} signatures in flight through two processes`, () => {
  let installation: Installation;
  let apps: readonly [TestApp, TestApp];
  let client: OrderingClient;
  let operator: string;
  let tenants = 0;

  beforeAll(async () => {
    installation = await Installation.create();
    const env = { CLAVIGER_LOG_LEVEL: 'warn' };
    apps = [await TestApp.start({ installation, env }), await TestApp.start({ installation, env })];
    client = new OrderingClient();
    await apps[0].tenant('operators');
    operator = await apps[0].token('operators', 'platform:admin');
  });

  afterAll(async () => {
    client.close();
    for (const app of apps) await app.stop();
    await installation.remove();
  });

  /**
   * So many signers, each of whom asks again as soon as it is answered and until it is refused; amid their answers
   * the key is revoked.
   */
  async function round(
    revoke: Revoke,
    revoker: TestApp,
  ): Promise<{ before: number; after: number; refused: number[] }> {
    const tenant = `tenant-${(tenants += 1)}`;
    const owner = await KmsCaller.of(apps[0], tenant);
    const { key_id: id } = await owner.create();
    const signed: number[] = [];
    const refused: number[] = [];
    let amid!: () => void;
    const underWay = new Promise<void>((resolve) => (amid = resolve));
    const signer = async (app: TestApp): Promise<void> => {
      for (;;) {
        const { status, order } = await client.post(app, keyPath(id, '/sign'), owner.token, SIGN);
        if (status !== 200) return void refused.push(status);
        signed.push(order);
        if (signed.length === IN_FLIGHT) amid();
      }
    };
    const signers = Array.from({ length: IN_FLIGHT }, (_, n) => signer(apps[n % 2]!));
    await Promise.race([underWay, Promise.all(signers)]);
    const { status, order } = await revoke(revoker, id, tenant);
    expect(status).toBe(200);
    await Promise.all(signers);
    return {
      before: signed.filter((one) => one < order).length,
      after: signed.filter((one) => one > order).length,
      refused,
    };
  }

  it.each<[string, Revoke, number]>([
    [
      '/disable',
      async (app, id, tenant) => client.post(app, keyPath(id, '/disable'), await app.token(tenant)),
      409,
    ],
    ['DELETE', async (app, id, tenant) => client.delete(app, keyPath(id), await app.token(tenant)), 404],
    [
      "the tenant's /suspend",
      (app, _, tenant) => client.post(app, `/api/platform/v1/tenants/${tenant}/suspend`, operator),
      403,
    ],
  ])(
    'none is answered after the 200 of %s',
    async (_, revoke, expected) => {
      for (let n = 0; n < ROUNDS; n += 1) {
        const { before, after, refused } = await round(revoke, apps[n % 2]!);
        expect([n, after]).toEqual([n, 0]);
        expect(before).toBeGreaterThanOrEqual(IN_FLIGHT);
        expect(refused).toEqual(Array(IN_FLIGHT).fill(expected));
      }
    },
    120_000,
  );
});
