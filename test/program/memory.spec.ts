import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpClient } from './http-client.js';
import { residentMiB } from './process-census.js';
import { Stage } from './stage.js';

const KEYS = '/api/kms/v1/keys';
const SIGNATURES = 10_000;
const WIDTH = 32;
const LIMIT_MIB = 250;

/** Has the key sign that many messages, each another one. */
async function sign(client: HttpClient, keyId: string, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const message = Buffer.from(`message ${next++}`).toString('base64');
      const body = { algorithm: 'ECDSA_SHA_256', message, message_type: 'raw' };
      await client.must(200, 'POST', `${KEYS}/${keyId}/sign`, body);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}

describe('the memory of the process', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.close());

  it(`is at most ${LIMIT_MIB} MiB after ${SIGNATURES} signatures with P-256`, async () => {
    const program = await stage.start();
    const client = await stage.client(program);
    const key = await client.must(201, 'POST', KEYS, { algorithm: 'ECDSA', size: 256, name: 'signer' });
    await sign(client, key.key_id, SIGNATURES);
    expect(residentMiB(program.pid)).toBeLessThanOrEqual(LIMIT_MIB);
  });
});
