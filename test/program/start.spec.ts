import { once } from 'node:events';
import { createPublicKey, verify } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { processesOn } from './process-census.js';
import { mustRun } from './run-command.js';
import { Stage } from './stage.js';

describe('npm start', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.endAll());
  afterAll(() => stage.close());

  it('prints where it listens, its API page, its process, and a line for the shell that makes a key', async () => {
    const program = await stage.start();
    expect(program.url).toBe(`http://127.0.0.1:${stage.env.CLAVIGER_PORT}`);
    const server = processesOn(stage.dataDir).find(({ pid }) => pid === program.pid);
    expect(server?.command).toMatch(/^node .*main\.js$/);

    const page = /^ {2}API page +(\S+)$/m.exec(program.printed)?.[1] ?? '';
    const visitor = stage.clientOf(program);
    const { body, headers } = await visitor.call('GET', page.replace(program.url, ''));
    expect(headers['content-type']).toContain('text/html');
    expect(body).toContain('Claviger API');
    expect(await visitor.must(200, 'GET', '/openapi.json')).toMatchObject({
      openapi: expect.stringMatching(/^3\.1\./),
    });

    const lines = program.printed.split('\n').filter((line) => line.includes('curl'));
    expect(lines).toHaveLength(1);
    const key = JSON.parse(await mustRun('sh', ['-c', lines[0] ?? ''], stage.env));
    expect(key).toMatchObject({ algorithm: 'ECDSA', size: 256, name: 'my-first-key', state: 'enabled' });
    const client = await stage.client(program);
    expect(await client.must(200, 'GET', `/api/kms/v1/keys/${key.key_id}`)).toEqual(key);
  });

  it('takes what the last start left: the keys sign, and tokens made before are good', async () => {
    const first = await stage.start();
    const client = await stage.client(first);
    const key = await client.must(201, 'POST', '/api/kms/v1/keys', {
      algorithm: 'ECDSA',
      size: 256,
      name: 'lasting',
    });
    await first.stop();

    const second = await stage.start();
    expect(second.pid).not.toBe(first.pid);
    const message = Buffer.from('signed after a restart');
    const { signature } = await client.must(200, 'POST', `/api/kms/v1/keys/${key.key_id}/sign`, {
      algorithm: 'ECDSA_SHA_256',
      message: message.toString('base64'),
      message_type: 'raw',
    });
    const publicKey = createPublicKey(Buffer.from(key.public_key, 'base64').toString());
    expect(verify('sha256', message, publicKey, Buffer.from(signature, 'base64'))).toBe(true);
  });

  it('says what to set where another program has its port, and leaves no process behind', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      const program = stage.launch({ CLAVIGER_PORT: String(port) });
      expect((await program.ended()).exitCode).toBe(1);
      expect(program.printed).toContain(
        `127.0.0.1:${port}: another program listens there; set CLAVIGER_PORT`,
      );
      await stage.isDeserted();
    } finally {
      other.close();
    }
  });

  it('leaves the data folder to the server that has it, and names that one', async () => {
    const first = await stage.start();
    const second = stage.launch({ CLAVIGER_PORT: '0' });
    expect((await second.ended()).exitCode).toBe(1);
    expect(second.printed).toContain(`already running: process ${first.pid}`);
    expect(second.printed).toContain(stage.dataDir);
    expect(await stage.clientOf(first).must(200, 'GET', '/health/ready')).toEqual({ status: 'ok' });
  });
});
