import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { Closers } from '../../../apps/cli/src/closers.js';
import { runCli } from '../../../apps/cli/src/run-cli.js';
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.js';

/** What a test looks into without saying what it is first. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Loose = any;

export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  /** What was printed with `--json`. */
  readonly json: Loose;
}

/** A data folder, and a database of its own unless it is to be embedded, for command lines to work on. */
export class CommandLine {
  private constructor(
    readonly dataDir: string,
    readonly database: TestDatabase | undefined,
  ) {}

  static async open(options: { embedded?: boolean } = {}): Promise<CommandLine> {
    const database = options.embedded ? undefined : await createTestDatabase();
    return new CommandLine(await mkdtemp(join(tmpdir(), 'claviger-cli-')), database);
  }

  /** Runs a command line as the program does; `argv` is split at spaces, where it is a text. */
  async run(argv: string | readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    const printed = { out: '', err: '' };
    const exitCode = await runCli(typeof argv === 'string' ? argv.split(' ') : argv, {
      env: {
        CLAVIGER_DATA_DIR: this.dataDir,
        ...(this.database && { DATABASE_URL: this.database.appUrl }),
        ...env,
      },
      out: (text) => (printed.out += text),
      err: (text) => (printed.err += text),
      closers: new Closers((error) => {
        throw error;
      }),
    });
    return { ...printed, exitCode, json: parse(printed.out) };
  }

  /** Runs a command line that has to succeed. */
  async must(argv: string, env: Record<string, string> = {}): Promise<Outcome> {
    const outcome = await this.run(argv, env);
    if (outcome.exitCode !== 0) throw new Error(`${argv}: ${outcome.exitCode} ${outcome.err}`);
    return outcome;
  }

  /** Runs statements as a superuser, past everything that the application may do. */
  async tamper(...statements: string[]): Promise<Loose[]> {
    const { pathname } = new URL(this.database!.appUrl);
    const client = new pg.Client(new URL(pathname, inject('postgres').adminUrl).href);
    await client.connect();
    try {
      let rows: Loose[] = [];
      for (const statement of statements) rows = (await client.query(statement)).rows;
      return rows;
    } finally {
      await client.end();
    }
  }

  async remove(): Promise<void> {
    await this.database?.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
