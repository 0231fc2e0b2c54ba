import { TestApp, operator, type TestAppOptions } from '../../harness/app.js';

/** Two tenants that have a row in every table there is. */
export async function startWithTwoTenants(options: TestAppOptions = {}): Promise<TestApp> {
  const app = await TestApp.start(options);
  for (const tenant of ['acme', 'globex']) {
    await app.tenant(tenant);
    const token = await app.token(tenant);
    const body = { algorithm: 'ECDSA', size: 256, name: 'k', tags: ['t'], metadata: { owner: tenant } };
    const headers = { 'idempotency-key': 'the-same-in-both' };
    const { body: key } = await app.call('POST', '/api/kms/v1/keys', { token, body, headers });
    const path = `/api/kms/v1/keys/${key.key_id as string}`;
    const patches = [{ op: 'add', path: '/-', value: 'alias' }];
    await app.call('PUT', `${path}/alias`, { token, body: { patches } });
    await app.call('POST', `${path}/sign`, { token, body: { algorithm: 'ECDSA_SHA_256', message: 'eA==' } });
    await app.database.transaction({ tenantId: tenant }, async (tx) => {
      await tx.query('INSERT INTO key_use (tenant_id, key_id, last_used_ts) VALUES ($1, $2, now())', [
        tenant,
        key.key_id,
      ]);
      await tx.query(
        `INSERT INTO key_intent (tenant_id, key_id, engine_id, attempt_id, due_ts)
         VALUES ($1, $2, 'hsm', gen_random_uuid(), 'infinity')`,
        [tenant, key.key_id],
      );
      await tx.query('INSERT INTO adopted_object (fingerprint, tenant_id, key_id) VALUES ($1, $2, $3)', [
        `of ${tenant}`,
        tenant,
        key.key_id,
      ]);
      await tx.query(
        `INSERT INTO import_token (tenant_id, token_id, engine_id, wrapping_key, expires_ts)
         VALUES ($1, 'imp-1', 'hsm', '', 'infinity')`,
        [tenant],
      );
    });
    const ctx = { ...operator, tenantId: tenant };
    await app.database.transaction(ctx, (tx) =>
      app.services.jobStore.enqueue(tx, ctx, { kind: 'test.of-nobody', input: { owner: tenant } }),
    );
  }
  return app;
}
