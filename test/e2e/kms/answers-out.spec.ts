import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';

const SIGN = { algorithm: 'ECDSA_SHA_256', message: 'aGVsbG8=' };

/** What happened, in the order in which the client saw it. */
type Order = string[];

describe('a revocation', () => {
  let app: TestApp;
  let token: string;
  let slow: string;

  beforeAll(async () => {
    app = await TestApp.start();
    await app.tenant('acme');
    token = await app.token('acme');
    const made = await app.call('POST', '/api/kms/v1/keys', {
      token,
      body: { algorithm: 'RSA', size: 4096, name: 's' },
    });
    slow = String(made.body['key_id']);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  const newKey = async (): Promise<string> => {
    const body = { algorithm: 'ECDSA', size: 256, name: 'k' };
    return String((await app.call('POST', '/api/kms/v1/keys', { token, body })).body['key_id']);
  };

  const disable = async (id: string, order: Order): Promise<void> => {
    const { status } = await app.call('POST', `/api/kms/v1/keys/${id}/disable`, { token });
    expect(status).toBe(200);
    order.push('disabled');
  };

  it('is answered after a batch with a signature of the key, or the batch has none', async () => {
    for (let round = 0; round < 4; round += 1) {
      const order: Order = [];
      const id = await newKey();
      const rsa = { key: slow, algorithm: 'RSASSA_PKCS1_V1_5_SHA_256', message: 'aGVsbG8=' };
      const batch = app
        .call<{ signature?: string; code?: string }[]>('POST', '/api/kms/v1/keys/batch/sign', {
          token,
          body: [{ key: id, ...SIGN }, ...Array.from({ length: 30 }, () => rsa)],
        })
        .then(({ body }) => {
          order.push(body[0]?.signature ? 'signed' : 'refused');
        });
      await Promise.all([batch, disable(id, order)]);
      expect(order).not.toEqual(['disabled', 'signed']);
    }
  });

  it('is answered after a pipelined signature of the key, or that is refused', async () => {
    const order: Order = [];
    const id = await newKey();
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    const request = (path: string, body: object): string => {
      const text = JSON.stringify(body);
      return `POST /api/kms/v1${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    };
    let received = '';
    const answered = new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString();
        const statuses = received.match(/HTTP\/1\.1 \d+/g) ?? [];
        if (statuses.length < 2) return;
        order.push(statuses[1] === 'HTTP/1.1 200' ? 'signed' : 'refused');
        resolve();
      });
    });
    socket.write(
      request('/keys', { algorithm: 'RSA', size: 4096, name: 'r' }) + request(`/keys/${id}/sign`, SIGN),
    );
    await Promise.all([answered, disable(id, order)]);
    socket.destroy();
    expect(order).not.toEqual(['disabled', 'signed']);
    expect(order).toHaveLength(2);
  });
});
