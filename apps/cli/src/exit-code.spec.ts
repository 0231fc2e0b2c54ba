import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '#config';
import { RootRingError } from '#crypto';
import { AppError, ERROR_TABLE, type ErrorCode } from '#kernel';
import { EXIT, explainFailure } from './exit-code.js';

describe('explainFailure', () => {
  it.each<[ErrorCode, number]>([
    ['validation_failed', EXIT.usage],
    ['not_found', EXIT.notFound],
    ['tenant_exists', EXIT.conflict],
    ['key_state', EXIT.conflict],
    ['stale_version', EXIT.conflict],
    ['unavailable', EXIT.unavailable],
    ['internal', EXIT.failed],
    ['forbidden', EXIT.failed],
  ])('turns %s into exit code %i and keeps its code', (code, exitCode) => {
    expect(explainFailure(new AppError(code))).toMatchObject({ exitCode, code });
  });

  it('never turns an error into success', () => {
    for (const code of Object.keys(ERROR_TABLE) as ErrorCode[])
      expect(explainFailure(new AppError(code)).exitCode).toBeGreaterThan(0);
  });

  it('says the detail of an error, and the places where there is none', () => {
    const errors = [{ path: 'subject', message: 'is not a name' }];
    expect(explainFailure(new AppError('validation_failed', { errors })).message).toMatch(
      /subject is not a name/,
    );
    expect(explainFailure(new AppError('key_state', { detail: 'In use.' })).message).toBe('In use.');
  });

  it('keeps the private cause of an error to itself', () => {
    const error = new AppError('unavailable', { cause: new Error('password=hunter2') });
    expect(JSON.stringify(explainFailure(error))).not.toContain('hunter2');
  });

  it('lists every problem of a configuration', () => {
    expect(explainFailure(new ConfigError(['A: is missing', 'B: is missing']))).toEqual({
      exitCode: EXIT.configuration,
      code: 'configuration',
      message: 'A: is missing\nB: is missing',
    });
  });

  it('takes a root key ring that cannot be used for a matter of configuration', () => {
    expect(explainFailure(new RootRingError('/root.key', 'does not exist'))).toMatchObject({
      exitCode: EXIT.configuration,
      code: 'root_ring',
    });
  });

  it('tells wrong usage from help that was asked for', () => {
    const wrong = new CommanderError(1, 'commander.unknownCommand', "error: unknown command 'x'");
    expect(explainFailure(wrong)).toEqual({
      exitCode: EXIT.usage,
      code: 'usage',
      message: "unknown command 'x'",
    });
    expect(explainFailure(new CommanderError(0, 'commander.helpDisplayed', '')).exitCode).toBe(EXIT.ok);
  });

  it.each([new Error('boom'), 'boom'])('takes anything else for a failure', (error) => {
    expect(explainFailure(error)).toEqual({ exitCode: EXIT.failed, code: 'internal', message: 'boom' });
  });
});
