import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SecretBytes } from '#kernel';
import { MemoryPinLedger } from '../fakes/pin-ledger.js';
import { pkcs11Driver, type Engine, type EngineDriver, type EngineInput, type PinLedger } from '#engines';

export const SOFTHSM_MODULE = '/usr/lib/softhsm/libsofthsm2.so';
/** Sources are no program: the child is the built one. */
export const CHILD_PROGRAM = resolve('dist/libs/engines/src/pkcs11/child/main.js');

/** Tokens in software, with a configuration and a folder of their own. */
export class SoftHsm {
  readonly pin = 'a PIN of 24 characters .';
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly #tokens: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'claviger-softhsm-'));
    this.#tokens = join(this.folder, 'tokens');
    mkdirSync(this.#tokens);
    const configuration = join(this.folder, 'softhsm2.conf');
    writeFileSync(
      configuration,
      `directories.tokendir = ${this.#tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    );
    this.environment = { SOFTHSM2_CONF: configuration };
  }

  static version(): string {
    return execFileSync('softhsm2-util', ['--version'], { encoding: 'utf8' }).trim();
  }

  /** Makes a token of that label, whose user has the PIN. */
  addToken(label: string, pin = this.pin): this {
    this.#run('--init-token', '--free', '--label', label, '--pin', pin, '--so-pin', 'officer');
    return this;
  }

  /** Makes the token of that label anew, empty and with another PIN. */
  renewToken(label: string, pin: string): void {
    this.#run('--init-token', '--token', label, '--label', label, '--pin', pin, '--so-pin', 'officer');
  }

  /** What `softhsm2-util` says of the slots. */
  slots(): string {
    return this.#run('--show-slots');
  }

  /** How many objects there are on all tokens, of any kind; each is a file. */
  objects(): number {
    const files = readdirSync(this.#tokens, { recursive: true, encoding: 'utf8' });
    return files.filter((file) => /(?<!token)\.object$/.test(file)).length;
  }

  /** Takes the tokens away, as if the device were unplugged. */
  unplug(): void {
    renameSync(this.#tokens, `${this.#tokens}.away`);
  }

  plugIn(): void {
    renameSync(`${this.#tokens}.away`, this.#tokens);
  }

  driver(more: Partial<Parameters<typeof pkcs11Driver>[0]> = {}): EngineDriver {
    const { environment } = this;
    const pins = new MemoryPinLedger();
    return pkcs11Driver({ modules: [SOFTHSM_MODULE], environment, program: CHILD_PROGRAM, pins, ...more });
  }

  /** What an operator would register of a token; `config` replaces members, and removes those that are undefined. */
  input(label: string, config: Readonly<Record<string, unknown>> = {}, pin = this.pin): EngineInput {
    const members = Object.entries({ module: SOFTHSM_MODULE, token_label: label, ...config });
    return {
      id: label,
      name: 'A token',
      config: Object.fromEntries(members.filter(([, value]) => value !== undefined)),
      secrets: new Map([['pin', SecretBytes.take(Buffer.from(pin))]]),
    };
  }

  /** An engine of a token that behaves like that (counting-token.mjs), and what it counted. */
  standIn(behaviour: string): { engine: Engine; count: () => number } {
    const { open, count } = this.countingToken(behaviour);
    return { engine: open(new MemoryPinLedger()), count };
  }

  /** Engines of such a token, as several processes have them. */
  countingToken(behaviour: string): { open: (pins: PinLedger, pin?: string) => Engine; count: () => number } {
    const file = join(this.folder, behaviour);
    writeFileSync(file, '');
    const program = resolve('test/harness/counting-token.mjs');
    return {
      open: (pins, pin) =>
        this.driver({ modules: [file], program, pins }).open(this.input('any', { module: file }, pin)),
      count: () => readFileSync(file, 'utf8').split('\n').length - 1,
    };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(...args: string[]): string {
    return execFileSync('softhsm2-util', args, {
      env: { ...process.env, ...this.environment },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}
