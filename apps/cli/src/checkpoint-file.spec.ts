import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCheckpointLine, readCheckpointFile } from './checkpoint-file.js';

const head = { tenant: 'acme', lane: 0, seq: 3, hash: 'ab'.repeat(32) };
const body = { id: 'id', ts: '2026-01-01T00:00:00.000Z', heads: [head] };
const line = {
  body: JSON.stringify(body),
  signature: Buffer.alloc(64).toString('base64'),
  public_key: Buffer.alloc(44).toString('base64'),
};
const good = JSON.stringify(line);

describe('parseCheckpointLine', () => {
  it('gives the signed text verbatim', () => {
    const spaced = { ...line, body: ` ${line.body} ` };
    expect(parseCheckpointLine(JSON.stringify(spaced))).toEqual(spaced);
  });

  it.each([
    ['nothing', ''],
    ['half a line', good.slice(0, -9)],
    ['two lines in one', good + good],
    ['no object', '[]'],
    ['null', 'null'],
    ['a missing signature', JSON.stringify({ ...line, signature: undefined })],
    ['a short signature', JSON.stringify({ ...line, signature: 'AAAA' })],
    ['a signature that is not base64', JSON.stringify({ ...line, signature: '*'.repeat(88) })],
    ['a short public key', JSON.stringify({ ...line, public_key: 'AAAA' })],
    ['an unknown member', JSON.stringify({ ...line, more: 1 })],
    ['a body that is no JSON', JSON.stringify({ ...line, body: 'x' })],
    ['a body without heads', JSON.stringify({ ...line, body: '{"id":"i","ts":"t"}' })],
    [
      'a head without a hash',
      JSON.stringify({ ...line, body: JSON.stringify({ ...body, heads: [{ ...head, hash: '' }] }) }),
    ],
    [
      'a head before the first record',
      JSON.stringify({ ...line, body: JSON.stringify({ ...body, heads: [{ ...head, seq: 0 }] }) }),
    ],
  ])('refuses %s', (_, text) => {
    expect(parseCheckpointLine(text)).toBeUndefined();
  });

  it('never throws, whatever the line is', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseCheckpointLine(text)));
  });
});

describe('readCheckpointFile', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'claviger-checkpoints-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const write = async (text: string): Promise<string> => {
    const file = join(folder, 'checkpoints');
    await writeFile(file, text);
    return file;
  };

  it.each([
    ['nothing', '', 0],
    ['one line', `${good}\n`, 1],
    ['a last line without its line feed', `${good}\n${good}`, 2],
  ])('reads %s', async (_, text, count) => {
    expect(await readCheckpointFile(await write(text))).toHaveLength(count);
  });

  it.each([
    ['1', `x\n${good}\n`],
    ['2', `${good}\n\n${good}\n`],
    ['3', `${good}\n${good}\n${good.slice(0, 40)}`],
  ])('names line %s where that is malformed', async (number, text) => {
    const file = await write(text);
    await expect(readCheckpointFile(file)).rejects.toMatchObject({
      code: 'validation_failed',
      detail: `${file}: line ${number} is not a checkpoint.`,
    });
  });

  it.each(['absent', '.'])('refuses %s, which is no file that can be read', async (name) => {
    await expect(readCheckpointFile(join(folder, name))).rejects.toMatchObject({ code: 'validation_failed' });
  });
});
