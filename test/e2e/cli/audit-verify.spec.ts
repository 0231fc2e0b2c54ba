import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandLine } from './command-line.js';

const ACME = `tenant_id = 'acme' AND lane = 0`;
/** The hash of a record, from its members and the hash before it, as the log is defined. */
const HASH = `sha256(%before% || convert_to('acme' || E'\\n' || 0 || E'\\n' || seq || E'\\n' || body, 'UTF8'))`;

const hashAfter = (before: string): string => HASH.replace('%before%', before);
const hashOf = (seq: number): string => `(SELECT hash FROM audit_event WHERE ${ACME} AND seq = ${seq})`;

describe('claviger audit verify', () => {
  let cli: CommandLine;
  let kept: string;

  /** Four records in the chain of acme, each with a checkpoint in the database and in a file that is kept elsewhere. */
  beforeEach(async () => {
    cli = await CommandLine.open();
    kept = join(cli.dataDir, 'checkpoints.jsonl');
    for (const verb of ['create', 'suspend', 'resume', 'suspend'])
      await cli.must(`tenant ${verb} acme`, { CLAVIGER_AUDIT_CHECKPOINT_FILE: kept });
  });
  afterEach(() => cli.remove());

  const verify = (...files: string[]) =>
    cli.run(['audit', 'verify', '--json', ...files.flatMap((file) => ['--checkpoints', file])]);

  const faultsOf = async (...files: string[]): Promise<unknown[]> => {
    const { exitCode, json } = await verify(...files);
    expect(exitCode).toBe(json.faults.length > 0 ? 1 : 0);
    return json.faults;
  };

  const fault = (seq: number, problem: string) => ({
    tenant: 'acme',
    lane: 0,
    seq,
    problem: expect.stringContaining(problem),
  });

  it('passes an intact log, alone and held against what was kept', async () => {
    expect((await verify()).json).toEqual({ records: 4, chains: 1, checkpoints: 4, faults: [] });
    const { exitCode, json } = await verify(kept);
    expect({ exitCode, json }).toEqual({
      exitCode: 0,
      json: { records: 4, chains: 1, checkpoints: 8, faults: [] },
    });
    expect((await cli.must('audit verify')).out).toBe('intact: 4 records in 1 chains, 4 checkpoints\n');
  });

  it('finds an edited record', async () => {
    await cli.tamper(
      `UPDATE audit_event SET body = replace(body, 'tenant.suspend', 'tenant.resume') WHERE ${ACME} AND seq = 2`,
    );
    expect(await faultsOf()).toContainEqual(fault(2, 'does not match its hash'));
    const { exitCode, out } = await cli.run('audit verify');
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^fault: tenant acme lane 0 record 2: the record does not match its hash$/m);
  });

  it('finds a record whose column was edited and whose hashed text was not', async () => {
    await cli.tamper(`UPDATE audit_event SET actor = 'urn:claviger:cli|mallory' WHERE ${ACME} AND seq = 3`);
    expect(await faultsOf()).toEqual([fault(3, 'a column differs')]);
  });

  it.each([
    ['text that is no JSON', `body = 'x'`],
    ['null for a record', `body = 'null'`],
    ['a time without end', `ts = 'infinity'`],
  ])('finds %s and goes on', async (_what, change) => {
    await cli.tamper(
      `UPDATE audit_event SET ${change} WHERE ${ACME} AND seq = 2`,
      `DELETE FROM audit_event WHERE ${ACME} AND seq = 4`,
    );
    const faults = await faultsOf();
    expect(faults).toContainEqual(fault(2, 'a column differs'));
    expect(faults).toContainEqual(fault(4, 'it is gone'));
  });

  it.each([
    ['lost its head', `DELETE FROM audit_head WHERE ${ACME}`],
    ['has a head with another hash', `UPDATE audit_head SET hash = sha256('x') WHERE ${ACME}`],
  ])('finds a chain that %s', async (_what, change) => {
    await cli.tamper(change);
    expect(await faultsOf()).toContainEqual(fault(4, 'does not end where its head says'));
  });

  it('finds a removed record', async () => {
    await cli.tamper(`DELETE FROM audit_event WHERE ${ACME} AND seq = 2`);
    expect(await faultsOf()).toContainEqual(fault(2, 'missing or out of order'));
  });

  it('finds records whose places were exchanged', async () => {
    await cli.tamper(
      `UPDATE audit_event SET seq = 100 WHERE ${ACME} AND seq = 2`,
      `UPDATE audit_event SET seq = 2 WHERE ${ACME} AND seq = 3`,
      `UPDATE audit_event SET seq = 3 WHERE ${ACME} AND seq = 100`,
    );
    const faults = await faultsOf();
    expect(faults).toContainEqual(fault(2, 'does not match its hash'));
    expect(faults).toContainEqual(fault(3, 'does not match its hash'));
  });

  it('finds a chain that was cut at its end', async () => {
    await cli.tamper(`DELETE FROM audit_event WHERE ${ACME} AND seq = 4`);
    const faults = await faultsOf();
    expect(faults).toContainEqual(fault(4, 'does not end where its head says'));
    expect(faults).toContainEqual(fault(4, 'it is gone'));
  });

  it('finds a cut by what was kept elsewhere alone, where head and checkpoints were made to agree', async () => {
    await cli.tamper(
      `DELETE FROM audit_event WHERE ${ACME} AND seq > 2`,
      `UPDATE audit_head SET seq = 2, hash = ${hashOf(2)} WHERE ${ACME}`,
      `DELETE FROM audit_checkpoint WHERE id NOT IN (SELECT id FROM audit_checkpoint ORDER BY id LIMIT 2)`,
    );
    expect(await faultsOf()).toEqual([]);
    expect(await faultsOf(kept)).toEqual([fault(3, 'it is gone'), fault(4, 'it is gone')]);
  });

  it('finds a history that was rewritten with good hashes by what was kept elsewhere alone', async () => {
    await cli.tamper(
      `UPDATE audit_event SET body = replace(body, 'tenant.resume', 'tenant.suspend'),
                              action = 'platform.tenant.suspend' WHERE ${ACME} AND seq = 3`,
      `UPDATE audit_event SET hash = ${hashAfter(hashOf(2))} WHERE ${ACME} AND seq = 3`,
      `UPDATE audit_event SET hash = ${hashAfter(hashOf(3))} WHERE ${ACME} AND seq = 4`,
      `UPDATE audit_head SET hash = ${hashOf(4)} WHERE ${ACME}`,
      `DELETE FROM audit_checkpoint`,
    );
    expect(await faultsOf()).toEqual([]);
    expect(await faultsOf(kept)).toEqual([fault(3, 'differs from its'), fault(4, 'differs from its')]);
  });

  it('finds a chain that was removed whole', async () => {
    await cli.tamper(
      `DELETE FROM audit_event WHERE ${ACME}`,
      `DELETE FROM audit_head WHERE ${ACME}`,
      `DELETE FROM audit_checkpoint`,
    );
    expect(await faultsOf()).toEqual([]);
    expect(await faultsOf(kept)).toHaveLength(4);
  });

  it('finds an edited checkpoint of the database, and one signed by another key than was kept', async () => {
    await cli.tamper(`UPDATE audit_checkpoint SET body = replace(body, '"seq":4', '"seq":3')`);
    expect(await faultsOf()).toMatchObject([
      { problem: expect.stringMatching(/signature .* does not hold/) },
    ]);
    await cli.tamper(
      `DELETE FROM audit_checkpoint`,
      `UPDATE platform_key SET public_key = overlay(public_key placing '\\x00'::bytea from 20)`,
    );
    expect(await faultsOf(kept)).toMatchObject(
      Array.from({ length: 4 }, () => ({ problem: expect.stringContaining('another key') })),
    );
  });

  it('holds the log against each of several files, split as they may be', async () => {
    const lines = (await readFile(kept, 'utf8')).trim().split('\n');
    const [first, second] = [join(cli.dataDir, 'first'), join(cli.dataDir, 'second')];
    await writeFile(first, `${lines.slice(0, 2).join('\n')}\n`);
    await writeFile(second, lines.slice(2).join('\n'));
    expect((await verify(first, second)).json.checkpoints).toBe(8);
    await cli.tamper(
      `DELETE FROM audit_event WHERE ${ACME} AND seq = 4`,
      `UPDATE audit_head SET seq = 3, hash = ${hashOf(3)} WHERE ${ACME}`,
      `DELETE FROM audit_checkpoint`,
    );
    expect(await faultsOf(first)).toEqual([]);
    expect(await faultsOf(first, second)).toEqual([fault(4, 'it is gone')]);
  });

  it('refuses a file with a malformed line, naming it, and does not call that a fault of the log', async () => {
    await writeFile(kept, `${await readFile(kept, 'utf8')}{"body":\n`);
    const { exitCode, out, err } = await verify(kept);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(JSON.parse(err).error).toEqual({
      code: 'validation_failed',
      message: `${kept}: line 5 is not a checkpoint.`,
    });
  });

  it('changes nothing', async () => {
    const read = () => cli.tamper(`SELECT * FROM audit_event, audit_head, audit_checkpoint ORDER BY 1, 2, 3`);
    const before = await read();
    await verify(kept);
    expect(await read()).toEqual(before);
  });
});
